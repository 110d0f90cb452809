import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config, DownloaderConfig, UploaderConfig } from "../../../agent/config/config.ts";
import { type Loaded, loadConfig } from "../../../agent/config/load.ts";
import { ConfigError } from "../../../agent/config/problems.ts";

export const folder = mkdtempSync(join(tmpdir(), "streamsend-config-"));

export interface Given {
  readonly environment?: Record<string, string>;
  readonly set?: readonly string[];
  readonly role?: string;
  readonly hostName?: string;
}

let files = 0;

/** A file with this content; its path. */
export function fileWith(content: string | Uint8Array): string {
  const path = join(folder, `file-${files++}`);
  writeFileSync(path, content);
  return path;
}

/** Loads a file with this text, from nothing else than what is given. */
export function load(
  yaml: string,
  { environment = {}, hostName = "host-1", ...rest }: Given = {},
): Promise<Loaded> {
  return loadConfig({ environment, hostName, configFile: fileWith(yaml), ...rest });
}

/** The configuration of an uploader that has a watch, with more YAML behind it. */
export async function loadConfigOf(yaml: string, given?: Given): Promise<Config> {
  return (
    await load(`role: uploader\n${yaml}`, {
      ...given,
      set: ["uploader.watch.0.path=/w", ...(given?.set ?? [])],
    })
  ).config;
}

export async function loadUploader(yaml: string, given?: Given): Promise<UploaderConfig> {
  const { config } = await load(`role: uploader\n${yaml}`, given);
  if (config.role !== "uploader") throw new Error("not an uploader");
  return config.uploader;
}

export async function loadDownloader(yaml: string, given?: Given): Promise<DownloaderConfig> {
  const { config } = await load(`role: downloader\n${yaml}`, given);
  if (config.role !== "downloader") throw new Error("not a downloader");
  return config.downloader;
}

/** The problems that loading ends with; none when it succeeds. */
export async function problemsOf(yaml: string, given?: Given): Promise<readonly string[]> {
  try {
    await load(yaml, given);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
