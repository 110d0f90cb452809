/**
 * Uploaders and downloaders' sessions, the very code that the executable runs, in simulated worlds where anything may happen: see
 * events.ts. Each step is held against the truth (checks.ts, upload-checks.ts).
 *
 *     MODEL_RUNS=20000 MODEL_SEED=7 scripts/test model     other stories, and more of them
 *     MODEL_SEED=7 MODEL_PATH=12 scripts/test model        the one that went wrong, as reported
 */
import { expect, test } from "bun:test";
import { type Telling, type Told, tellStories } from "./run.ts";
import type { Faults } from "./world.ts";

const {
  MODEL_RUNS: runs = "100",
  MODEL_SEED: seed = "1",
  MODEL_PATH: path,
  MODEL_SHRINKS: shrinks,
} = process.env;
/** A long run is a matter of hours. */
const patienceMs = 24 * 3600_000;

test(
  "whatever happens, every version that can be had is published once, and no commit is ahead of the disk",
  async () => {
    const told: Told = { stories: 0, turns: 0, published: 0, commits: 0, covered: 0, failed: 0, resumed: 0 };
    const telling = { runs: Number(runs), seed: Number(seed), path, shrinks: shrinks !== undefined };
    const wrong = await tellStories(telling, told);
    if (wrong !== undefined) throw new Error(wrong);
    if (Number(runs) > 100) console.log(JSON.stringify(told));
    if (path === undefined) expect(told.published).toBeGreaterThan(told.stories);
    if (path === undefined) expect(told.resumed).toBeGreaterThan(told.stories / 2);
  },
  patienceMs,
);

test(
  "of what two send under one name the newest stands there, and no source goes before it or a newer one is stored",
  async () => {
    const telling = { runs: Number(runs), seed: Number(seed), path, shrinks: shrinks !== undefined };
    const wrong = await tellStories({ ...telling, of: { beside: true } });
    if (wrong !== undefined) throw new Error(wrong);
  },
  patienceMs,
);

test(
  "what was asked for and never heard of is asked for again",
  async () => {
    // The last leaves time for the request, before all troubles end.
    const kinds = ["missRequests", "corrupt", "put", "compact"] as const;
    const told = kinds.map((kind) => ({ kind, after: kind === "compact" ? 2000 : 60, a: 0, b: 5 }));
    expect(await tellStories({ runs: 3, seed: 1, of: { told } })).toBeUndefined();
  },
  patienceMs,
);

test(
  "strangers who speak of versions that nothing could follow, and a brokers' clock that is set back, change no order",
  async () => {
    const only = [
      "put",
      "forge",
      "setBrokersClock",
      "uploaderCrashes",
      "kill",
      "compact",
      "redeliver",
    ] as const;
    expect(await tellStories({ runs: 20, seed: 1, of: { only } })).toBeUndefined();
  },
  patienceMs,
);

test(
  "an older version is kept under its own name, also after one was asked for again",
  async () => {
    const only = ["put", "redeliver", "timePasses", "kill", "comesBack"] as const;
    expect(await tellStories({ runs: 20, seed: 1, of: { only } })).toBeUndefined();
  },
  patienceMs,
);

test(
  "where older versions are kept none comes twice, nor over a newer one, also when what a store knew was deleted",
  async () => {
    const only = ["put", "storeDeleted", "sendAgain", "timePasses", "kill", "redeliver"] as const;
    expect(await tellStories({ runs: 20, seed: 5, of: { only, keepsBoth: true } })).toBeUndefined();
  },
  patienceMs,
);

test(
  "older versions are kept, each under a name of its own, also when their uploader has forgotten them",
  async () => {
    const again = [
      { kind: "put", after: 60, a: 0, b: 1 },
      { kind: "removeSource", after: 400, a: 0, b: 0 },
      ...[0, 1, 2].map((a) => ({ kind: "expire" as const, after: 100, a, b: 3 })),
      { kind: "forgetGone", after: 60, a: 0, b: 0 },
    ] as const;
    const told = [...again, ...again, ...again];
    expect(await tellStories({ runs: 5, seed: 1, of: { told } })).toBeUndefined();
  },
  patienceMs,
);

test(
  "what was delivered since a disk was rolled back to a snapshot, of whatever moment, is delivered again",
  async () => {
    const only = ["put", "putMany", "snapshot", "rollBack", "timePasses", "kill", "rebalance"] as const;
    expect(await tellStories({ runs: 15, seed: 1, of: { only } })).toBeUndefined();
  },
  patienceMs,
);

test(
  "files that are spread over partitions of several members are delivered once one member has all, whatever happened before",
  async () => {
    const only = [
      ...["put", "putMany", "removeSource", "uploaderCrashes", "uploaderStops", "clientFails"],
      ...["kill", "powerCut", "stop", "comesBack", "rebalance", "expel", "timePasses"],
      ...["addPartition", "remakeTopic", "expire", "corrupt", "redeliver"],
    ] as const;
    expect(await tellStories({ runs: 40, seed: 1, of: { only, spreads: true } })).toBeUndefined();
  },
  patienceMs,
);

const inInbox = (path: string) => /^\/out\/[^.]/.test(path);

interface Broken {
  what: string;
  faults: Faults;
  noticed: RegExp;
  /** The stories that it takes. */
  of?: Telling["of"];
}

const broken: Broken[] = [
  { what: "a sync does nothing", faults: { disk: { skipsSync: () => true } }, noticed: /a power cut could/ },
  {
    what: "a position is committed before the bytes are synced",
    faults: { disk: { skipsSync: (path) => /\/partial\/[0-9a-f-]+$/.test(path) } },
    noticed: /a power cut could/,
  },
  {
    what: "a position is committed before the notes are synced",
    faults: { disk: { skipsSync: (path) => path.endsWith(".new") || path.endsWith("/partial") } },
    noticed: /which a power cut could take/,
  },
  {
    what: "a receipt is written before the name is durable",
    faults: { disk: { skipsSync: inInbox } },
    noticed: /has a receipt, and a power cut could take it/,
  },
  {
    what: "a receipt is written before the rename",
    faults: { disk: { skipsRename: inInbox } },
    noticed: /has a receipt/,
  },
  {
    what: "a position is committed ahead of what was read",
    faults: { group: { commitsAhead: 1 } },
    noticed: /committed|past the log/,
  },
  {
    what: "a summary of the ledger is ahead of what was read",
    faults: { ledgerAhead: 1 },
    noticed: /was published twice|neither delivered nor failed|power cut could take|stuck/,
    of: { only: ["put", "kill", "stop", "comesBack", "redeliver"] },
  },
  {
    what: "the membership is not confirmed",
    faults: { stopsClock: true },
    noticed: /without having asked/,
    of: { only: ["put", "timePasses", "expel"] },
  },
  {
    what: "versions are given without a lease, by a brokers' clock that is set back",
    faults: { uploader: { leasesNothing: true } },
    noticed: /and not numbered so|with two different sets of attributes/,
    of: { only: ["put", "setBrokersClock", "uploaderGoes", "uploaderComes"] },
  },
  {
    what: "a record counts as acknowledged, and never came to the log",
    faults: { uploader: { losesOneIn: 3 } },
    noticed: /noted as sent, and not all of it is in the log/,
  },
  {
    what: "a source is taken away before it is delivered",
    faults: { uploader: { takesEarly: true } },
    noticed: /was taken away, and nobody has it/,
  },
  {
    what: "a stranger's version that is newer than all of an uploader's is believed",
    faults: { forgesCredibly: true },
    // Its uploader's own version counts as older: neither kept nor ever delivered.
    noticed: /which a power cut could take|neither delivered nor failed/,
    of: {
      told: [
        { kind: "put", after: 200, a: 0, b: 2 },
        { kind: "forge", after: 5, a: 0, b: 1 },
      ],
    },
  },
  {
    what: "what the log still has is not read again",
    faults: { hidesLog: true },
    noticed: /failed, though it can be had/,
    // A version goes from one machine to another in the middle, and is nowhere else but in the log then.
    of: {
      told: [
        { kind: "put", after: 60, a: 0, b: 5 },
        ...[100, 100, 100, 100].map((after) => ({ kind: "rebalance" as const, after, a: 0, b: 0 })),
        { kind: "removeSource", after: 400, a: 0, b: 0 },
      ],
    },
  },
];

test.each(broken)(
  "it is noticed when $what",
  async ({ faults, noticed, of }) => {
    const wrong = await tellStories({ runs: 1000, seed: 1, faults, of });
    expect(wrong?.split("\n").at(-1)).toMatch(noticed);
  },
  patienceMs,
);
