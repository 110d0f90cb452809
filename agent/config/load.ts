/**
 * Loads the configuration: defaults < file < environment < `--set` < `--role`.
 *
 * Every source becomes the same thing, a tree of texts (tree.ts); later sources replace parts of it. Only then do
 * the keys give the texts their types (typed.ts), the schema validates and fills in defaults (validate.ts), and
 * the checks look at what keys are to each other. Problems are collected all the way, so that one run shows all
 * of them.
 */
import { hostname } from "node:os";
import { checkHttp } from "./check-http.ts";
import { checkKafka, checkKafkaFiles } from "./check-kafka.ts";
import { checkRecords } from "./check-records.ts";
import { checkUploader, checkWindow } from "./check-uploader.ts";
import { complete } from "./complete.ts";
import type { CommonConfig, Config, HttpConfig } from "./config.ts";
import { readConfigFile } from "./config-file.ts";
import { type Environment, fromEnvironment, unknownVariable } from "./environment.ts";
import { interpolate } from "./interpolate.ts";
import { rootKey } from "./keys.ts";
import { twinOf } from "./mask.ts";
import { keysNotYet } from "./not-yet.ts";
import { ConfigError, Problems } from "./problems.ts";
import { resolveCommon, resolveConfig } from "./resolve.ts";
import { NAME_PATTERN, type Settings } from "./schema.ts";
import { readSecretFiles } from "./secret-files.ts";
import { fromSetOptions } from "./set-options.ts";
import { type Assignment, assign, get, type Section } from "./tree.ts";
import { toTyped } from "./typed.ts";
import { validate } from "./validate.ts";

export interface Sources {
  readonly environment: Environment;
  /** `--config`; its absence means $STREAMSEND_CONFIG, then `defaultFile` if there is one. */
  readonly configFile?: string | undefined;
  /** `--set KEY=VALUE`, in their order. */
  readonly set?: readonly string[];
  /** `--role`. */
  readonly role?: string | undefined;
  readonly hostName?: string;
  readonly defaultFile?: string;
}

export interface Loaded {
  readonly config: Config;
  /** The same in the file's words, for `check`. */
  readonly settings: Settings;
}

/** @throws ConfigError with every problem that was found */
export async function loadConfig(sources: Sources): Promise<Loaded> {
  const problems = new Problems();
  const { settings, hasListen } = await loadSettings(sources, readSources(sources, problems), problems);
  await checkUploader(settings, problems);
  if (settings.role === "downloader" && settings.downloader.output === undefined) {
    problems.add(["downloader", "output"], "required");
  }
  checkRecords(settings, problems);
  checkHttp(settings, problems);
  endChecks(settings, problems);
  return { config: resolveConfig(settings, !hasListen), settings };
}

/**
 * For a command that works in no role: none has to be named, and what only a role needs is not looked for.
 *
 * @throws ConfigError with every problem that was found
 */
export async function loadCommonConfig(sources: Sources): Promise<CommonConfig> {
  const problems = new Problems();
  const root = readSources(sources, problems);
  // Any will do.
  if (!root.has("role")) root.set("role", "uploader");
  const { settings, hasListen } = await loadSettings(sources, root, problems);
  endChecks(settings, problems);
  return resolveCommon(settings, !hasListen);
}

/**
 * For sending what the command line names: as uploader, whatever role is named, and without watches.
 *
 * @throws ConfigError with every problem that was found
 */
export async function loadSendConfig(sources: Sources): Promise<Extract<Config, { role: "uploader" }>> {
  const problems = new Problems();
  const root = readSources(sources, problems);
  root.set("role", "uploader");
  const { settings, hasListen } = await loadSettings(sources, root, problems);
  checkWindow(settings, problems);
  endChecks(settings, problems);
  const config = resolveConfig(settings, !hasListen);
  if (config.role !== "uploader") throw new Error("the role was set, and is another one");
  return config;
}

/**
 * Where an agent of these sources answers, and its token. Of all else nothing is looked at: who asks it need not be able to read what it reads.
 *
 * @throws ConfigError with every problem that was found
 */
export async function loadHttpConfig(sources: Sources): Promise<HttpConfig> {
  const problems = new Problems();
  const http = readSources(sources, problems).get("http");
  const root: Section = new Map([["role", "uploader"]]);
  if (http !== undefined) root.set("http", http);
  const { settings, hasListen } = await loadSettings({ ...sources, hostName: "any" }, root, problems);
  endChecks(settings, problems);
  return resolveCommon(settings, !hasListen).http;
}

/** What the sources say, typed and whole, with what is checked whatever the role is. */
async function loadSettings(sources: Sources, root: Section, problems: Problems) {
  const hasListen = typeof get(root, ["http", "listen"]) === "string";
  readSecretFiles(root, problems);
  const validated = validate(toTyped(root, rootKey, [], problems), problems);
  if (validated === undefined) throw new ConfigError(problems.lines);

  const settings = complete(validated, checkedHostName(sources.hostName ?? hostname(), validated, problems));
  checkKafka(settings, problems);
  await checkKafkaFiles(settings, problems);
  return { settings, hasListen };
}

function endChecks(settings: Settings, problems: Problems): void {
  // Whatever else is wrong below such a key: this is what its user has to know.
  for (const key of keysNotYet(settings)) problems.addAbout(key, "not in this version");
  if (problems.lines.length > 0) throw new ConfigError(problems.lines);
}

function readSources(sources: Sources, problems: Problems): Section {
  const { environment, set = [], role } = sources;
  const file = readConfigFile(sources.configFile, environment, problems, sources.defaultFile);
  // Without what the file says, everything else would look wrong too.
  if (problems.lines.length > 0) throw new ConfigError(problems.lines);
  const referenced = new Set<string>();
  const root = new Map([...file].map(([key, value]) => [key, interpolate(value, environment, referenced)]));

  const fromVariables = fromEnvironment(environment);
  for (const name of fromVariables.unknown) {
    // A variable that the file itself refers to is no misspelt setting.
    if (!referenced.has(name)) problems.addAbout(name, unknownVariable(name));
  }
  apply(root, fromVariables.assignments, problems);
  apply(root, fromSetOptions(set, problems), problems);
  if (role !== undefined) root.set("role", role);
  return root;
}

/** A secret and its `_file` twin are one setting: who sets the one replaces the other of an earlier source. */
function apply(root: Section, assignments: readonly Assignment[], problems: Problems): void {
  for (const { path } of assignments) {
    const twin = twinOf(path);
    const section = twin === undefined ? undefined : get(root, twin.slice(0, -1));
    if (section instanceof Map) section.delete(String(twin?.at(-1)));
  }
  for (const assignment of assignments) {
    const problem = assign(root, assignment);
    if (problem !== undefined) problems.add(assignment.path, problem);
  }
}

function checkedHostName(hostName: string, { name }: Settings, problems: Problems): string {
  if (name === undefined && !NAME_PATTERN.test(hostName)) {
    problems.add(["name"], "required, as the host's name cannot be an agent's name", hostName);
  }
  return hostName;
}
