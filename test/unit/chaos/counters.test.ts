/** How many versions of a content a downloader may have published: what its killed processes did not come to say is counted. */
import { expect, test } from "bun:test";
import type { ChaosAgent } from "../../../scripts/chaos-parts/agent.ts";
import { Counters } from "../../../scripts/chaos-parts/counters.ts";
import type { Journal } from "../../../scripts/chaos-parts/journal.ts";
import { parseLine } from "../../../scripts/chaos-parts/log-line.ts";
import type { State, Truth } from "../../../scripts/chaos-parts/truth.ts";

const md5 = "5d41402abc4b2a76b9719d911017c592";
const key = "till/a.txt";
const state = { md5, size: 5, sinceMs: 0 } as State;

function prepare() {
  const journal = { ofFile: () => undefined, general: () => undefined };
  const truth = { record: () => undefined };
  const counters = new Counters(truth as unknown as Truth, journal as unknown as Journal);
  const say = (name: string, role: ChaosAgent["role"], fields: object) =>
    counters.line({ name, role } as ChaosAgent, parseLine(JSON.stringify({ level: "info", ...fields })));
  return {
    counters,
    begun: (version: number, bytes = 5) =>
      say("till", "uploader", {
        message: `a.txt: ${bytes} bytes, creating 1 5-byte chunks`,
        path: "a.txt",
        version,
        bytes,
      }),
    merged: (version: number) =>
      say("hub", "downloader", {
        ...{ message: `${key}: merge complete, md5 ok ${md5}`, uploader: "till", path: "a.txt" },
        ...{ version, checksum: `md5:${md5}` },
      }),
  };
}

test("a version that was published, and its downloader killed before it said so, is one of those that were begun", () => {
  const { counters, begun, merged } = prepare();
  begun(1);
  begun(2);
  merged(1);
  expect(counters.versionsPublished("hub", key, state, 2)).toBe(2);
});

test("a version that its downloader says twice to have merged is one", () => {
  const { counters, begun, merged } = prepare();
  begun(1);
  begun(2);
  merged(1);
  merged(1);
  expect(counters.versionsPublished("hub", key, state, 2)).toBe(1);
});

test("without another version that was begun of this content, what nobody says is one that was there already", () => {
  const { counters, begun, merged } = prepare();
  begun(1);
  begun(2, 6);
  merged(1);
  expect(counters.versionsPublished("hub", key, state, 2)).toBe(1);
});
