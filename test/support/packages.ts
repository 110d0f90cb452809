/** The packages that scripts/test has made of this checkout, with little compression. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { debianVersion } from "../../scripts/package-parts/version.ts";

export const packagesFolder = join(import.meta.dir, "../../dist/test-packages");
export const packageVersion = debianVersion(manifest.version);
/** Debian's word for this machine's architecture. */
export const thisArchitecture = process.arch === "arm64" ? "arm64" : "amd64";

/** The path of a package's file. */
export function packageFile(architecture: string, kind: "deb" | "tar.gz" | "cdx.json"): string {
  const path = join(packagesFolder, `streamsend-agent_${packageVersion}_${architecture}.${kind}`);
  if (!existsSync(path)) throw new Error(`no ${path}: scripts/test makes it`);
  return path;
}
