/** Whatever is written into a configuration, `--set` or a variable is taken, or refused with lines that say why. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allPaths } from "../../agent/config/keys.ts";
import { loadConfig, type Sources } from "../../agent/config/load.ts";
import { ConfigError } from "../../agent/config/problems.ts";
import { schema } from "../../agent/config/schema.ts";
import { readYaml, YamlError } from "../../agent/config/yaml-text.ts";
import type { Random } from "../support/random.ts";
import { fuzz, fuzzAsync, isWhole } from "./inputs.ts";
import { mutated, oddTexts } from "./odd-texts.ts";

const folder = mkdtempSync(join(tmpdir(), "streamsend-fuzz-"));
const file = join(folder, "config.yaml");
const example = readFileSync(join(import.meta.dir, "../../config.example.yaml"), "utf8");
const keys = allPaths().map((path) => path.join("."));
afterAll(() => rmSync(folder, { recursive: true }));

/** What YAML and our units make something of. */
const tokens = [
  ..."&a *a !!str !x %TAG --- ... | > ? : - # { } [ ] , ' \" ` @ ~ \t".split(" "),
  "<<: *a",
  "a: &a [*a]",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is about this very notation
  "${HOME}",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is about this very notation
  "${NO_SUCH:-x}",
  "${",
  "0644",
  "0o777",
  "1MiB",
  "99999999TiB",
  "0.1B",
  "5s",
  "1e9d",
  "off",
  "/",
  "/etc",
  "/dev/zero",
  "/proc/self/mem",
  "127.0.0.1:9480",
  "[::1]:0",
  "[::1",
  "::1:80",
  "localhost:99999",
  "a:b@c:9092",
  "kafka:9092",
  ...oddTexts,
];

test("yaml", () => {
  const seen = new Set<string>();
  fuzz("yaml", 15, (random) => {
    try {
      readYaml(anyYaml(random));
      seen.add("read");
    } catch (error) {
      if (!(error instanceof YamlError)) throw error;
      seen.add("refused");
    }
  });
  if (isWhole) expect([...seen].sort()).toEqual(["read", "refused"]);
});

test("configuration", async () => {
  const seen = new Set<string>();
  await fuzzAsync("configuration", 3, async (random) => {
    writeFileSync(file, anyYaml(random));
    seen.add(await load({ environment: {}, configFile: file }));
  });
  if (isWhole) expect([...seen].sort()).toEqual(["refused", "taken"]);
});

test("settings", async () => {
  const seen = new Set<string>();
  await fuzzAsync("settings", 10, async (random) => {
    const given = anyOption(random);
    const [key = "", value] = given.split(/=(.*)/s, 2);
    const variable = `STREAMSEND_${key.replaceAll(".", "_").toUpperCase()}`;
    const environment: Record<string, string> = {};
    if (random.below(4) === 0 && variable !== "STREAMSEND_CONFIG") environment[variable] = value ?? "";
    const set = ["uploader.watch.0.path=/w", ...(Object.keys(environment).length > 0 ? [] : [given])];
    const sources = { environment, role: random.pick(["uploader", "downloader"]), defaultFile: "/nowhere" };
    seen.add(
      await load({ ...sources, set: [...set, ...(random.below(2) === 0 ? ["downloader.output=/o"] : [])] }),
    );
  });
  if (isWhole) expect([...seen].sort()).toEqual(["refused", "taken"]);
});

test("addresses", () => {
  const seen = new Set<string>();
  const listen = schema.shape.http.unwrap().shape.listen.unwrap();
  fuzz("addresses", 21, (random) => {
    const text =
      random.below(2) === 0
        ? mutated(random, random.pick(["[::1]:80", "0.0.0.0:9480", "off"]))
        : random.pick(tokens);
    const parsed = listen.safeDecode(text);
    seen.add(parsed.success ? "taken" : "refused");
    if (!parsed.success || parsed.data === null) return;
    const { host, port } = parsed.data;
    if (host === "" || port < 0 || port > 65_535) throw new Error(`${text} is ${host} and ${port}`);
  });
  if (isWhole) expect([...seen].sort()).toEqual(["refused", "taken"]);
});

/** Loads; anything but a configuration and a `ConfigError` with lines is thrown. */
async function load(sources: Sources): Promise<"taken" | "refused"> {
  try {
    const { config } = await loadConfig({ hostName: "host-1", ...sources });
    if (config.role !== "uploader" && config.role !== "downloader") throw new Error("taken without a role");
    return "taken";
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
    const isOneLineEach = error.problems.every((line) => line !== "" && !/[\x00-\x1f\x7f]/.test(line));
    if (error.problems.length === 0 || !isOneLineEach)
      throw new Error("refused without a reason in a line", { cause: error });
    return "refused";
  }
}

/** The example with changes, small ones or of whole lines; or a heap of tokens. */
function anyYaml(random: Random): string {
  if (random.below(1000) === 0)
    return `a: ${random.pick(["[", "{a: ", "- ", "? "]).repeat(random.below(100_000))}`;
  if (random.below(8) === 0)
    return random.list(random.below(30), () => random.pick(tokens)).join(random.pick([" ", "\n"]));
  let lines = `role: ${random.pick(["uploader", "downloader"])}\n${example.replace(/^role:.*$/m, "")}`.split(
    "\n",
  );
  const changes = random.below(4);
  for (let change = 0; change < changes; change++) {
    const at = random.below(lines.length);
    const line = lines[at] ?? "";
    const other = () => random.pick(lines);
    switch (random.below(5)) {
      case 0:
        lines = lines.toSpliced(at, 1 + random.below(3));
        break;
      case 1:
        lines = lines.toSpliced(at, 0, other());
        break;
      case 2:
        lines[at] = line.replace(/:\s.*/, () => `: ${random.pick(tokens)}`);
        break;
      case 3:
        lines[at] = line.replace(/^\s*/, " ".repeat(random.below(6)));
        break;
      default:
        lines[at] = mutated(random, line);
    }
  }
  return lines.join("\n");
}

function anyOption(random: Random): string {
  const key = random.below(4) === 0 ? mutated(random, random.pick(keys)) : random.pick(keys);
  const value = random.pick(tokens);
  return `${key}=${random.below(3) === 0 ? mutated(random, value) : value}`;
}
