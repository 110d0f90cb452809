/** A machine that gives the executable nothing: in a mount namespace of its own, as nobody in particular. */
export interface Sealed {
  /** The one folder that can be written to; it is seen at the same path. */
  writable: string;
  /** How /tmp is mounted there. */
  tmp: "ro,noexec" | "rw,noexec";
  /** The file that gets what is in /tmp when the process has ended and was not there before. */
  listing: string;
}

/**
 * A launcher: runs what follows it with a read-only root and an empty /tmp, as another user. It does not exec, since
 * it has to look at /tmp afterwards.
 */
export function sealed({ writable, tmp, listing }: Sealed): string[] {
  const script = `
    set -e
    listing=$1 writable=$2 tmp=$3
    shift 3
    mount --make-rprivate /
    # The folder may lie in /tmp: kept in sight while that is covered.
    mount --bind "$writable" /mnt
    mount -t tmpfs -o mode=1777 none /tmp
    mkdir -p "$writable"
    mount --bind /mnt "$writable"
    mount -o "remount,bind,$tmp" /tmp
    mount -o remount,bind,ro /
    before=$(find /tmp -xdev | sort)
    cd "$writable"
    status=0
    "$@" || status=$?
    comm -13 <(echo "$before") <(find /tmp -xdev | sort) > "$listing"
    exit $status`;
  const asRoot = ["unshare", "--mount"];
  const asUser = ["unshare", "--mount", "--user", "--map-root-user"];
  const isRoot = process.getuid?.() === 0;
  const nobody = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  return [...(isRoot ? asRoot : asUser), "bash", "-c", script, "sealed", listing, writable, tmp, ...nobody];
}
