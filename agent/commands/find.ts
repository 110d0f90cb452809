/** `find`: where files are, as the ledger tells it. It reads, claims no name, and needs no agent. */
import type { CommonConfig } from "../config/config.ts";
import { findFiles } from "../ledger/find/find-files.ts";
import { AgentError } from "../lib/errors.ts";
import { pathToGlobName } from "../wire/path.ts";
import { textOf } from "./find-text.ts";
import { withLedger } from "./ledger-access.ts";

export interface FindOptions {
  /** On the path; undefined: all. */
  glob: string | undefined;
  /** The uploader's name; undefined: any. */
  uploader: string | undefined;
  json: boolean;
  /** Returns whether anybody still reads. */
  print(text: string): Promise<boolean>;
}

/** Throws an `AgentError`, also when nothing is found. */
export async function find(config: CommonConfig, options: FindOptions): Promise<void> {
  const { glob, uploader, json, print } = options;
  const pattern = glob === undefined ? undefined : new Bun.Glob(glob);
  const isPath = (path: string) => pattern?.match(pathToGlobName(path)) ?? true;
  const found = await withLedger(config, "nothing was sent yet", ({ ledger }) =>
    findFiles(ledger, { uploader, isPath }),
  );
  if (found.count === 0) throw nothingFound(config.kafka.ledger, options);
  for (const text of textOf(found, json)) if (!(await print(text))) return;
}

function nothingFound(ledger: string, { glob, uploader }: FindOptions): AgentError {
  const whose = uploader === undefined ? "" : ` of uploader ${uploader}`;
  if (glob === undefined) return new AgentError(`${ledger} knows no file${whose}`, "permanent");
  // People give the name of a file.
  const hint = /\/|\*\*/.test(glob) ? "" : `; a file in a folder is found by "**/${glob}"`;
  return new AgentError(`${ledger} knows no file${whose} that "${glob}" fits${hint}`, "permanent");
}
