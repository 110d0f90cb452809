/** The packages of both architectures: what is in them, and that Debian's own checker has nothing against them. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addonTrailer } from "../../agent/native/addon-bytes.ts";
import manifest from "../../package.json" with { type: "json" };
import { run, succeed } from "../support/compare.ts";
import { packageFile, packagesFolder, packageVersion, thisArchitecture } from "../support/packages.ts";

setDefaultTimeout(180_000);
const root = join(import.meta.dir, "../..");
const architectures = thisArchitecture === "amd64" ? ["amd64", "arm64"] : ["arm64"];
const emulator = Bun.which("qemu-aarch64-static");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-packages-"));
});

afterAll(() => rm(folder, { recursive: true }));

test("SHA256SUMS is right, and of all that is shipped", async () => {
  const { code, output } = await run(["sha256sum", "--check", "--strict", "SHA256SUMS"], {
    cwd: packagesFolder,
  });
  expect(code).toBe(0);
  const kinds = ["deb", "tar.gz", "cdx.json"];
  expect(output.split("\n").filter((line) => line !== "")).toEqual(
    architectures.flatMap((architecture) =>
      kinds.map((kind) => `streamsend-agent_${packageVersion}_${architecture}.${kind}: OK`),
    ),
  );
});

test("the same commit gives the same bytes", async () => {
  const built = await run([
    join(root, "scripts/package"),
    "--quick",
    "--arch",
    thisArchitecture,
    "--out",
    folder,
  ]);
  expect([built.code, built.errors]).toEqual([0, expect.any(String)]);
  const sums = await readFile(join(folder, "SHA256SUMS"), "utf8");
  const shipped = (await readFile(join(packagesFolder, "SHA256SUMS"), "utf8")).split("\n");
  expect(sums.split("\n")).toEqual(
    shipped.filter((line) => line === "" || line.includes(`_${thisArchitecture}.`)),
  );
});

test.each(architectures)(
  "lintian finds no error and no warning in that of %s but what is explained",
  async (architecture) => {
    const deb = packageFile(architecture, "deb");
    const { code, output, errors } = await run(["lintian", "--fail-on", "error,warning", deb]);
    expect([code, output]).toEqual([0, ""]);
    // It could have failed to read the package.
    expect(errors.replace("running with root privileges is not recommended!\n", "")).toBe("");
  },
);

test.each(architectures)(
  "that of %s says what it is, and asks for nothing that glibc 2.28 lacks",
  async (architecture) => {
    const deb = packageFile(architecture, "deb");
    const fields = await succeed("dpkg-deb", "--field", deb);
    expect(fields).toContain(`Version: ${packageVersion}\nArchitecture: ${architecture}\n`);
    expect(fields).toMatch(/^Depends: libc6 \(>= 2\.28\), systemd \| systemd-standalone-sysusers$/m);
    const unpacked = join(folder, `glibc-${architecture}`);
    await succeed("dpkg-deb", "-x", deb, unpacked);
    const executable = join(unpacked, "usr/bin/streamsend-agent");
    expect(await newestGlibc(executable)).toBeLessThanOrEqual(28);
    expect(await newestGlibc(await takeAddon(executable))).toBeLessThanOrEqual(28);
  },
);

test.each(architectures)(
  "the archive of %s has the package's files, and no folder that could take a link's place",
  async (architecture) => {
    const shipped = (await succeed("dpkg-deb", "--contents", packageFile(architecture, "deb"))).split("\n");
    const files = shipped.filter((line) => line.startsWith("-")).map((line) => line.split(" ./")[1] ?? "");
    expect(files).toContain("usr/bin/streamsend-agent");
    expect(files).toContain("lib/systemd/system/streamsend-agent@.service");
    const archived = await succeed("tar", "-tzf", packageFile(architecture, "tar.gz"));
    expect(archived.trim().split("\n").sort()).toEqual(files.sort());
  },
);

test.each(architectures)(
  "the bill of materials of %s has what is linked and bundled",
  async (architecture) => {
    const bill = JSON.parse(await readFile(packageFile(architecture, "cdx.json"), "utf8"));
    expect([bill.bomFormat, bill.metadata.component.version]).toEqual(["CycloneDX", packageVersion]);
    const versions: Record<string, string> = Object.fromEntries(
      bill.components.map(({ name, version }: { name: string; version: string }) => [name, version]),
    );
    const { bun } = manifest.devDependencies;
    expect(versions).toMatchObject({ ...manifest.dependencies, bun });
    for (const library of ["librdkafka", "openssl", "zlib", "zstd", "gcc"])
      expect(versions[library]).toMatch(/\d+\.\d+/);
    const inside = bill.components.flatMap(
      ({ components = [] }: { components?: { name: string }[] }) => components,
    );
    const names = inside.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["lz4", "webkit", "icu", "boringssl"]));
  },
);

// Skipped where qemu-user is not installed.
test.skipIf(emulator === null || thisArchitecture === "arm64")(
  "that of arm64 has a program that runs there",
  async () => {
    const unpacked = join(folder, "arm64");
    await succeed("dpkg-deb", "-x", packageFile("arm64", "deb"), unpacked);
    const agent = [emulator ?? "", join(unpacked, "usr/bin/streamsend-agent")];
    expect(await succeed(...agent, "--version")).toBe(`streamsend-agent ${manifest.version}\n`);
    for (const role of ["uploader", "downloader"]) {
      const config = join(unpacked, `etc/streamsend/${role}.yaml.example`);
      expect(await succeed(...agent, "check", "--config", config)).toContain(`role: ${role}`);
    }
  },
);

test("each file in it is the one that its md5sums know", async () => {
  const unpacked = join(folder, "sums");
  await succeed("dpkg-deb", "-R", packageFile(thisArchitecture, "deb"), unpacked);
  const lines = (await readFile(join(unpacked, "DEBIAN/md5sums"), "utf8")).trim().split("\n");
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) {
    const [sum = "", path = ""] = line.split("  ");
    expect([
      path,
      createHash("md5")
        .update(await readFile(join(unpacked, path)))
        .digest("hex"),
    ]).toEqual([path, sum]);
  }
});

/** The 28 of 2.28: the newest version of glibc that a file asks for. */
async function newestGlibc(file: string): Promise<number> {
  const asked = await succeed("readelf", "--wide", "--version-info", file);
  return Math.max(...[...asked.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor)));
}

/** The addon from an executable's end, as a file beside it. See agent/native/addon-bytes.ts. */
async function takeAddon(executable: string): Promise<string> {
  const bytes = await readFile(executable);
  const end = bytes.length - addonTrailer(0).length;
  const path = `${executable}.addon`;
  await writeFile(path, bytes.subarray(end - Number(bytes.readBigUInt64LE(end)), end));
  return path;
}
