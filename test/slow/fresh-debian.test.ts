/**
 * scripts/demo, as the README says, in a fresh clone in a fresh Debian 12 and 13: it installs a compiler and what else it needs, builds, and
 * moves files. Needs root, and the registries of Debian, npm and Maven, by this machine's own settings.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run, succeed } from "../support/compare.ts";

setDefaultTimeout(3_600_000);
const project = join(import.meta.dir, "../..");
/** How this machine reaches the registries; what of it there is. */
const settings = [
  "/etc/apt/apt.conf.d",
  "/etc/hosts",
  "/etc/resolv.conf",
  "/usr/local/share/ca-certificates",
  join(homedir(), ".npmrc"),
  join(homedir(), ".m2/settings.xml"),
];
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

test.skipIf(process.getuid?.() !== 0).each(["bookworm", "trixie"])(
  "the demo runs in a fresh %s",
  async (release) => {
    const root = await freshRoot(release);
    expect(await Bun.file(join(root, "etc/os-release")).text()).toContain(`VERSION_CODENAME=${release}\n`);
    const { code, output, errors } = await inRoot(root, "cd /root/streamsend-agent && exec scripts/demo");
    expect([code, `${output}${errors}`]).toEqual([0, expect.stringContaining("Everything is stopped.")]);
    expect(output).toContain("diff -r");
  },
);

async function freshRoot(release: string): Promise<string> {
  const archive = (await succeed(join(project, "scripts/debian-root"), release)).trim();
  // In memory, if there is room: dpkg syncs each file.
  const folder = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "streamsend-fresh-"));
  folders.push(folder);
  const root = join(folder, "root");
  await mkdir(root);
  await succeed("tar", "-C", root, "-xzf", archive);
  for (const path of settings)
    if (existsSync(path)) await copyTo(root, path, path.replace(homedir(), "/root"));
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  if (authorities !== undefined) await copyTo(root, authorities, "/root/authorities.pem");
  // Packages that would start their services.
  await Bun.write(join(root, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  await succeed("git", "clone", "--quiet", project, join(root, "root/streamsend-agent"));
  return root;
}

async function copyTo(root: string, from: string, to: string): Promise<void> {
  await mkdir(dirname(join(root, to)), { recursive: true });
  await cp(from, join(root, to), { recursive: true, dereference: true });
}

/** Its mounts and its processes go with it. */
function inRoot(root: string, script: string): Promise<{ code: number; output: string; errors: string }> {
  const variables = ["HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
  if (process.env.NODE_EXTRA_CA_CERTS !== undefined)
    variables.push("NODE_EXTRA_CA_CERTS=/root/authorities.pem");
  const mounts = `mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc"`;
  const command = `${mounts} && exec env -i ${variables.join(" ")} ${Bun.which("chroot")} "$1" bash -c "$2"`;
  return run([
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--propagation",
    "private",
    "bash",
    "-c",
    command,
    "fresh",
    root,
    script,
  ]);
}
