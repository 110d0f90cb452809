/** What others have made and the executable has in it, with versions and licences: for the SBOM and the copyright file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { kafkaClient } from "../native/plugin.ts";

export type Architecture = "amd64" | "arm64";

export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX. */
  readonly license: string;
  /** Package URL, by which its known faults are found. */
  readonly purl: string;
  readonly about: string;
  /** Files with its licence, as the packager has them. */
  readonly licenseFiles: readonly string[];
  readonly parts?: readonly Part[];
}

/** A component inside another one, which has its licence. */
export interface Part {
  readonly name: string;
  readonly version: string;
}

const root = join(import.meta.dir, "../..");
const modules = join(root, "node_modules");
const client = "@confluentinc/kafka-javascript";
const librdkafka = join(modules, client, "deps/librdkafka");

export async function components(architecture: Architecture): Promise<Component[]> {
  return [
    runtime(),
    ...(await npmPackages()).map(npmPackage),
    kafkaLibrary(),
    ...staticLibraries(architecture),
  ];
}

function runtime(): Component {
  const {
    bun,
    node: _node,
    openssl: _openssl,
    modules: _modules,
    napi: _napi,
    v8: _v8,
    uv: _uv,
    ...inside
  } = process.versions;
  return {
    name: "bun",
    version: bun ?? "",
    license: "MIT",
    purl: `pkg:npm/bun@${bun}`,
    about: "runtime, as it is published",
    licenseFiles: [join(root, "scripts/packaging/bun-license.txt")],
    parts: Object.entries(inside).map(([name, version]) => ({ name, version: version ?? "" })),
  };
}

/** Those of which something gets into the executable, as the bundler has it. */
async function npmPackages(): Promise<string[]> {
  const { metafile } = await Bun.build({
    entrypoints: [join(root, "agent/main.ts")],
    target: "bun",
    format: "esm",
    plugins: [kafkaClient()],
    define: { CRASH_POINTS: "false" },
    metafile: true,
  });
  const used = Object.values(metafile?.outputs ?? {}).flatMap(({ inputs }) => Object.keys(inputs));
  const names = used.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

function npmPackage(name: string): Component {
  const folder = join(modules, name);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const licenseFiles =
    name === client ? ["LICENSE.txt", "LICENSE.node-rdkafka", "LICENSE.kafkajs"] : ["LICENSE"];
  return {
    name,
    version: manifest.version,
    license: manifest.license,
    purl: `pkg:npm/${name.replace("@", "%40")}@${manifest.version}`,
    about: manifest.description,
    licenseFiles: licenseFiles.map((file) => join(folder, file)),
  };
}

function kafkaLibrary(): Component {
  const version: string = JSON.parse(readFileSync(join(modules, client, "package.json"), "utf8")).librdkafka;
  return {
    name: "librdkafka",
    version,
    license: "BSD-2-Clause",
    purl: `pkg:github/confluentinc/librdkafka@v${version}`,
    about: "Kafka client, with scripts/native/upstream-fixes.patch",
    licenseFiles: [join(librdkafka, "LICENSES.txt")],
    parts: [
      { name: "lz4", version: headerVersion("lz4.h", "LZ4_VERSION", "RELEASE") },
      { name: "cJSON", version: headerVersion("cJSON.h", "CJSON_VERSION", "PATCH") },
      { name: "xxHash", version: headerVersion("rdxxhash.h", "XXH_VERSION", "RELEASE") },
    ],
  };
}

/** The libraries that scripts/native/build links into the addon: this machine's packages, and the compiler's own. */
function staticLibraries(architecture: Architecture): Component[] {
  const compiler = architecture === "amd64" ? "x86_64-linux-gnu-g++" : "aarch64-linux-gnu-g++";
  const gcc = output([compiler, "-dumpfullversion"]);
  return [
    debianLibrary("openssl", "libssl-dev", "Apache-2.0", "TLS and hashes", architecture),
    debianLibrary("zlib", "zlib1g-dev", "Zlib", "gzip", architecture),
    debianLibrary("zstd", "libzstd-dev", "BSD-3-Clause", "zstd", architecture),
    {
      name: "gcc",
      version: gcc,
      license: "GPL-3.0-or-later WITH GCC-exception-3.1",
      purl: `pkg:generic/gcc@${gcc}`,
      about: "its libstdc++ and libgcc",
      licenseFiles: [`/usr/share/doc/gcc-${gcc.split(".")[0]}-base/copyright`],
    },
  ];
}

function debianLibrary(
  name: string,
  file: string,
  license: string,
  about: string,
  architecture: Architecture,
): Component {
  const version = output(["dpkg-query", "-W", `${file}:${architecture}`]).split("\t")[1] ?? "";
  return {
    name,
    version,
    license,
    purl: `pkg:deb/debian/${file}@${encodeURIComponent(version)}?arch=${architecture}`,
    about,
    licenseFiles: [`/usr/share/doc/${file}/copyright`],
  };
}

function headerVersion(header: string, prefix: string, last: string): string {
  const text = readFileSync(join(librdkafka, "src", header), "utf8");
  const number = (part: string) => new RegExp(`#define ${prefix}_${part}\\s+(\\d+)`).exec(text)?.[1];
  const numbers = ["MAJOR", "MINOR", last].map(number);
  if (numbers.includes(undefined)) throw new Error(`${header} of librdkafka says no version`);
  return numbers.join(".");
}

function output(command: string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout.toString().trim();
}
