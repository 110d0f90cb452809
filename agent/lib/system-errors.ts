/**
 * What the system's errors of files mean, and what to do about each: errno(3) has a few words for programmers, and the runtime for some
 * of them ("EDQUOT: unknown error") not even those.
 */

/** Of calls that are about a network their own places tell. */
const notOfFiles: ReadonlySet<string> = new Set(["accept", "bind", "connect", "getaddrinfo", "listen"]);

const meanings: Readonly<Record<string, string>> = {
  EACCES: "this user has no right to that: see `namei -l` on the path",
  EPERM:
    "the system forbids that: what is there may be immutable (`lsattr`), or its folder lets only owners change things",
  EROFS:
    "the file system is read-only: `mount -o remount,rw` it; if the kernel made it so after an error, see `dmesg`",
  ENOSPC: "no space is left on the device: make room there",
  EDQUOT: "the disk quota is used up: delete files that count for it, or have it raised (`quota`)",
  EFBIG: "the file is larger than this file system, or the agent's limit (`ulimit -f`), allows",
  EMFILE:
    "the agent has as many files open as it may: raise its limit (`ulimit -n`, LimitNOFILE= of its service)",
  ENFILE: "the machine has as many files open as it may: raise the sysctl fs.file-max",
  ENOMEM: "the machine has no memory left for that",
  EIO: "the disk, or the connection to it, fails: see `dmesg`",
  EREMOTEIO: "the disk, or the connection to it, fails: see `dmesg`",
  EUCLEAN: "the file system is damaged: unmount it and check it (`fsck`)",
  ESTALE: "the mount is stale, its server knows it no more: unmount it (`umount -l`) and mount it again",
  ENOTCONN: "the mount is dead, its driver has ended: unmount it (`umount -l`) and mount it again",
  ECONNABORTED: "the mount is dead, its driver has ended: unmount it (`umount -l`) and mount it again",
  EHOSTDOWN: "the server of this mount does not answer",
  EHOSTUNREACH: "the server of this mount can't be reached",
  ETIMEDOUT: "the server of this mount does not answer",
  ENODEV: "the device is gone",
  ENXIO: "the device is gone",
  ENOMEDIUM: "there is no medium in the drive",
  EKEYEXPIRED: "the login for this mount has expired",
  ENOKEY: "this folder is encrypted, and its key is not there: unlock it",
  ENOLCK: "the file system gives no lock now",
  EBUSY: "something else uses it, or is mounted there",
  ETXTBSY: "it is a program that runs",
  ELOOP: "a symbolic link is in the way",
  EMLINK: "the folder, or the file, has as many names as this file system allows",
  ENAMETOOLONG: "the name, or the path, is too long",
  EILSEQ: "the name has a character that this file system does not allow",
  EINVAL: "this file system does not allow that",
  EOPNOTSUPP: "this file system can't do that",
  ENOTSUP: "this file system can't do that",
  ENOSYS: "this file system can't do that",
  EOVERFLOW: "a number in it is larger than this system can say",
  EXDEV: "it is on another file system",
  ENOTDIR: "a file is where a folder must be",
  EISDIR: "a folder is where a file must be",
  ENOTEMPTY: "the folder is not empty",
  EEXIST: "it is there already",
  ENOENT: "it is not there",
};

/** `/srv/inbox/a: no space is left on the device: make room there (ENOSPC, write)`; undefined: no system's error of a file. */
export function describeSystemError(error: Error): string | undefined {
  const { code, syscall, path, dest } = error as NodeJS.ErrnoException & { dest?: unknown };
  const meaning = typeof code === "string" ? meanings[code] : undefined;
  if (meaning === undefined || (syscall !== undefined && notOfFiles.has(syscall))) return undefined;
  const names = [path, dest].filter((name) => name !== undefined).map(String);
  const what = names.length > 0 ? `${names.join(" to ")}: ` : "";
  return `${what}${meaning} (${code}${syscall === undefined ? "" : `, ${syscall}`})`;
}
