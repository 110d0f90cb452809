/** scripts/release, in repositories and with keys that are thrown away. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run, succeed } from "../support/compare.ts";
import { thisArchitecture } from "../support/packages.ts";

setDefaultTimeout(600_000);
const project = join(import.meta.dir, "../..");
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

class Repository {
  readonly path: string;
  readonly key: string;

  constructor(folder: string) {
    this.path = join(folder, "repository");
    this.key = join(folder, "release.key");
  }

  release(version: string, ...options: string[]) {
    return run([join(this.path, "scripts/release"), version, "--key", this.key, ...options]);
  }

  git(...args: string[]): Promise<string> {
    return succeed("git", "-C", this.path, ...args);
  }

  read(path: string): Promise<string> {
    return readFile(join(this.path, path), "utf8");
  }

  async write(path: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.path, path)), { recursive: true });
    await writeFile(join(this.path, path), content);
  }

  async commit(): Promise<void> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", "A change");
  }

  /** What a release changes. */
  async state(): Promise<string> {
    const trees = (await this.git("worktree", "list")).trim().split("\n").length;
    return [await this.git("rev-parse", "HEAD"), await this.git("tag"), trees].join(" ");
  }
}

/** A copy of this checkout as it is now, committed, with a key of its own. */
async function copyOf(paths: readonly string[]): Promise<Repository> {
  const folder = await mkdtemp(join(tmpdir(), "streamsend-release-test-"));
  folders.push(folder);
  const repository = new Repository(folder);
  for (const path of paths)
    await cp(join(project, path), join(repository.path, path), { verbatimSymlinks: true });
  await succeed("git", "init", "--quiet", "--initial-branch", "main", repository.path);
  await repository.git("config", "user.name", "Nobody");
  await repository.git("config", "user.email", "nobody@example.org");
  const publicKey = join(repository.path, "scripts/packaging/release.pub");
  await mkdir(dirname(publicKey), { recursive: true });
  await succeed("minisign", "-G", "-W", "-p", publicKey, "-s", repository.key);
  return repository;
}

/** Only what scripts/release itself needs. Instead of packages this is made, by `$out`. */
async function small(packaging: string): Promise<Repository> {
  const needed = ["scripts/release", "scripts/lib.sh", "scripts/package-parts/version.ts"];
  const repository = await copyOf([...needed, "package.json", "package-lock.json", ".gitignore"]);
  await repository.write("docs/operations.md", "apt-get install ./streamsend-agent_0.1.0_amd64.deb\n");
  await repository.write(
    "CHANGELOG.md",
    "# Changelog\n\n## Unreleased\n\n- All.\n\n## [0.1.0] - 2025-04-15\n",
  );
  await repository.write(
    "package.json",
    (await repository.read("package.json")).replace(/"version": ".*"/, '"version": "0.1.0"'),
  );
  await repository.write("scripts/setup", "#!/bin/sh\n");
  await repository.write(
    "scripts/package",
    `#!/bin/sh -e\nout=$2\nmkdir $out && cd $out\n${packaging}\nsha256sum * > SHA256SUMS\n`,
  );
  for (const script of ["setup", "package"]) await chmod(join(repository.path, "scripts", script), 0o755);
  await mkdir(join(repository.path, "node_modules"));
  await symlink(join(project, "node_modules/@oven"), join(repository.path, "node_modules/@oven"));
  await repository.commit();
  return repository;
}

test("it commits the version, signs the checksums, and tags", async () => {
  const repository = await small("echo packed > packed.deb");
  const before = (await repository.git("rev-parse", "HEAD")).trim();
  const { code, errors } = await repository.release("0.2.0-rc.1");
  expect([code, errors]).toEqual([0, expect.stringContaining("Nothing is pushed")]);

  expect(JSON.parse(await repository.read("package.json")).version).toBe("0.2.0-rc.1");
  expect(JSON.parse(await repository.read("package-lock.json")).packages[""].version).toBe("0.2.0-rc.1");
  const changelog = await repository.read("CHANGELOG.md");
  expect(changelog).toMatch(
    /^# Changelog\n\n## \[0\.2\.0-rc\.1\] - \d{4}-\d\d-\d\d\n\n- All\.\n\n## \[0\.1\.0\]/,
  );
  expect(await repository.read("docs/operations.md")).toContain("_0.2.0~rc1_");
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect((await repository.git("rev-parse", "HEAD~")).trim()).toBe(before);
  expect((await repository.git("cat-file", "-t", "v0.2.0-rc.1")).trim()).toBe("tag");
  expect(await repository.git("rev-parse", "v0.2.0-rc.1^{commit}")).toBe(
    await repository.git("rev-parse", "HEAD"),
  );
  const sums = await repository.read("dist/release-0.2.0-rc.1/SHA256SUMS");
  expect(await repository.git("cat-file", "-p", "v0.2.0-rc.1")).toContain(sums);
  expect((await repository.git("worktree", "list")).trim().split("\n")).toHaveLength(1);

  const signed = join(repository.path, "dist/release-0.2.0-rc.1/SHA256SUMS");
  const verify = [
    "minisign",
    "-V",
    "-p",
    join(repository.path, "scripts/packaging/release.pub"),
    "-m",
    signed,
  ];
  expect(await succeed(...verify)).toContain("streamsend-agent 0.2.0-rc.1");
  await writeFile(signed, sums.replace("packed.deb", "other.deb"));
  expect((await run(verify)).code).toBe(1);
});

test("two builds that differ, and a key that is not the published one, are no release", async () => {
  const repository = await small("echo $0 > packed.deb");
  const before = await repository.state();
  const differing = await repository.release("0.2.0");
  expect([differing.code, differing.errors]).toEqual([1, expect.stringContaining("are not the same")]);
  expect(await repository.state()).toBe(before);

  const other = await small("echo packed > packed.deb");
  await succeed("minisign", "-G", "-W", "-f", "-p", `${other.key}.pub`, "-s", other.key);
  const state = await other.state();
  const foreign = await other.release("0.2.0");
  expect([foreign.code, foreign.errors]).toEqual([1, expect.stringContaining("does not belong to")]);
  expect(await other.state()).toBe(state);
});

test("what can't be released is refused before anything is built", async () => {
  const repository = await small("exit 9");
  const refused = async (version: string, why: string) => {
    const { code, errors } = await repository.release(version);
    expect([version, code, errors]).toEqual([version, 1, expect.stringContaining(why)]);
  };
  await refused("0.1.0", "is not later than 0.1.0");
  await refused("0.2", "not X.Y.Z");
  await repository.git("tag", "v0.2.0");
  await refused("0.2.0", "the tag v0.2.0 is there already");
  await repository.write("left.txt", "not committed");
  await refused("0.3.0", "something is not committed");
  await rm(join(repository.path, "left.txt"));
  await repository.write("CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2025-04-15\n");
  await repository.commit();
  await refused("0.3.0", "nothing is new");
  await repository.git("checkout", "--quiet", "--detach");
  await refused("0.3.0", "no branch is checked out");
});

test("this checkout gives the same packages twice, in two folders", async () => {
  const listed = await succeed(
    "git",
    "-C",
    project,
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
  );
  const repository = await copyOf(listed.split("\0").filter((path) => path !== ""));
  await repository.commit();
  const { code, errors } = await repository.release("99.0.0", "--quick", "--arch", thisArchitecture);
  expect([code, errors]).toEqual([0, expect.any(String)]);
  const released = join(repository.path, "dist/release-99.0.0");
  const { output } = await run(["sha256sum", "--check", "--strict", "SHA256SUMS"], { cwd: released });
  expect(output.trim().split("\n")).toEqual(
    ["deb", "tar.gz", "cdx.json"].map((kind) => `streamsend-agent_99.0.0_${thisArchitecture}.${kind}: OK`),
  );
  const deb = join(released, `streamsend-agent_99.0.0_${thisArchitecture}.deb`);
  expect((await succeed("dpkg-deb", "--field", deb, "Version")).trim()).toBe("99.0.0");
});
