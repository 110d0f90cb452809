/** The packages that scripts/test has made of this checkout, with little compression. */
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { debianVersion } from "../../scripts/package-parts/version.ts";
import { succeed } from "./compare.ts";

export const packagesFolder = join(import.meta.dir, "../../dist/test-packages");
export const packageVersion = debianVersion(manifest.version);
/** That of `makeNextVersion`. */
export const nextVersion = `${packageVersion}+next`;
/** Debian's word for this machine's architecture. */
export const thisArchitecture = process.arch === "arm64" ? "arm64" : "amd64";

/** The path of a package's file. */
export function packageFile(architecture: string, kind: "deb" | "tar.gz" | "cdx.json"): string {
  const path = join(packagesFolder, `streamsend-agent_${packageVersion}_${architecture}.${kind}`);
  if (!existsSync(path)) throw new Error(`no ${path}: scripts/test makes it`);
  return path;
}

/** Makes of a package the same one, under a higher version. */
export async function makeNextVersion(deb: string, path: string): Promise<void> {
  const root = `${path}.root`;
  await succeed("dpkg-deb", "-R", deb, root);
  const control = join(root, "DEBIAN/control");
  const text = await readFile(control, "utf8");
  await writeFile(control, text.replace(`Version: ${packageVersion}\n`, `Version: ${nextVersion}\n`));
  await succeed("dpkg-deb", "-Znone", "--build", root, path);
  await rm(root, { recursive: true });
}
