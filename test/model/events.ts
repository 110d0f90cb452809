/** What may happen in a simulated world, as fast-check makes and shrinks it. */
import fc from "fast-check";
import { output } from "./truth.ts";
import { Process } from "./turns.ts";
import { forgetAfterMs } from "./uploader.ts";
import type { Beginning, World } from "./world.ts";

/** Something that happens after so many turns. What `a` and `b` choose depends on its kind. */
export type Kind = keyof typeof events;

export interface Event {
  kind: Kind;
  after: number;
  a: number;
  b: number;
}

export interface Story {
  beginning: Beginning;
  events: Event[];
}

/** The last can't stand beside the third. */
const paths = ["one", "two", "folder/three", "folder/deeper/four", "folder/three/five"];
const sizes = [0, 1, 40, 200, 350, 1000];

type Deed = (world: World, a: number, b: number) => void;

const events = {
  put: (world, a, b) => {
    uploader(world, a).sources.put(path(a), world.random.bytes(pick(sizes, b)), b % 4 === 0);
  },
  putMany: (world, a, b) => {
    const { sources } = uploader(world, a);
    for (let at = 0; at < 12; at++) sources.put(`many/${at}`, world.random.bytes((b + at * 13) % 90), false);
  },
  removeSource: (world, a) => uploader(world, a).sources.remove(path(a)),
  bringBackSource: (world, a) => uploader(world, a).sources.bringBack(path(a)),
  touchSource: (world, a) => uploader(world, a).sources.touch(path(a)),
  writeSource: (world, a, b) => uploader(world, a).sources.setWriting(path(a), b % 2 === 0),
  loseEvents: (world, a) => uploader(world, a).sources.folders.overflow(),
  uploaderCrashes: (world, a) => {
    uploader(world, a).crash();
    uploader(world, a).start();
  },
  forgetGone: (world, a) => {
    // Chunks are kept for longer than a clock is set back.
    if (world.isBrokersClockBehind) return;
    world.turns.nowMs += 2 * forgetAfterMs;
    uploader(world, a).forgetGone();
  },
  uploaderGoes: (world, a) => uploader(world, a).crash(),
  uploaderFreezes: (world, a) => uploader(world, a).freeze(),
  uploaderThaws: (world, a) => uploader(world, a).thaw(),
  uploaderIsReplaced: (world, a) => uploader(world, a).start(),
  uploaderStops: (world, a) => uploader(world, a).stop(),
  clientFails: (world, a) => uploader(world, a).loseClient(),
  uploaderComes: (world, a) => {
    if (!uploader(world, a).isAlive) uploader(world, a).start();
  },
  kill: (world, a) => {
    machine(world, a).kill();
    machine(world, a).start();
  },
  killForAWhile: (world, a) => machine(world, a).kill(),
  powerCut: (world, a, b) => {
    machine(world, a).powerCut(pick(["none", "all", "some"] as const, b));
    machine(world, a).start();
  },
  stop: (world, a) => machine(world, a).stop(),
  comesBack: (world, a) => {
    const { process } = machine(world, a);
    process.frozen = false;
    if (!process.alive) machine(world, a).start();
  },
  freeze: (world, a) => {
    machine(world, a).process.frozen = true;
  },
  thaw: (world, a) => {
    machine(world, a).process.frozen = false;
  },
  slow: (world, a, b) => {
    machine(world, a).process.slow = b % 2 === 0;
  },
  rebalance: (world) => world.group.rebalance(),
  expel: (world, a) => {
    const member = machine(world, a).member;
    if (member && world.group.isMember(member)) world.group.expel(member);
  },
  timePasses: (world, _a, b) => {
    world.turns.nowMs += pick([3000, 12_000, 61_000, 200_000], b);
  },
  expire: (world, a, b) => {
    const partition = a % world.topic.partitions;
    const [low, high] = [world.topic.low(partition), world.topic.high(partition)];
    world.losses++;
    world.topic.expire(partition, low + Math.ceil(((high - low) * (1 + (b % 4))) / 4));
  },
  remakeTopic: (world, _a, b) => {
    world.losses++;
    world.topic.remake();
    if (b % 2 === 0) world.group.forgetCommitted();
  },
  addPartition: (world) => {
    if (world.topic.partitions < 4) world.topic.addPartition();
    world.group.rebalance();
  },
  corrupt: (world, a) => {
    world.losses++;
    uploader(world, a).damage = "corrupt";
  },
  lie: (world, a) => {
    uploader(world, a).damage = "lie";
  },
  missRequests: (world, a, b) => {
    uploader(world, a).missesRequests = 1 + (b % 3);
  },
  sendAgain: (world, a, b) => {
    const partition = a % world.topic.partitions;
    for (const { record } of world.topic.records(partition, b % 50, (b % 50) + (a % 10)))
      world.topic.append(partition, record);
  },
  foreignRecord: (world, a) => {
    const record = { key: "somebody", headers: a % 2 ? [{ streamsend: "1" }] : [], value: Buffer.from("?") };
    world.topic.append(a % world.topic.partitions, record);
  },
  setBrokersClock: (world, _a, b) => world.setBrokersClock(pick([-3, -1, 0, 1, 3], b) * 3600_000),
  forge: (world, a, b) => world.forge(uploader(world, a).name, path(a), b),
  compact: (world) => {
    world.ledger.compact();
    world.checks.compacted();
  },
  diskFull: (world, a, b) => {
    const { disk } = machine(world, a);
    disk.capacity = disk.usedBytes + pick([0, 60, 300, 2000], b);
  },
  diskEmptied: (world, a) => {
    machine(world, a).disk.capacity = Number.MAX_SAFE_INTEGER;
  },
  syncsFail: (world, a, b) => {
    machine(world, a).disk.failingSyncs = 1 + (b % 3);
  },
  callsFail: (world, a, b) => {
    machine(world, a).disk.failingCalls = 1 + (b % 3);
  },
  ledgerRefuses: (world, _a, b) => {
    world.ledger.refusedUntilMs = world.turns.nowMs + pick([3000, 20_000, 120_000], b);
  },
  remakeLedger: (world, _a, b) => {
    // Who knows nothing of before could give numbers again that were given by a clock that was ahead.
    if (world.checks.hasRolledBack || world.isBrokersClockBehind) return;
    world.remakeLedger(b % 2 === 0);
  },
  commitsFail: (world, _a, b) => {
    world.group.failingCommits = 1 + (b % 3);
  },
  takeFile: (world, a, b) => {
    const { disk } = machine(world, a);
    const found = [...disk.files.files().keys()].filter((one) => !one.startsWith(`${output}/.streamsend`));
    if (found.length === 0) return;
    const taken = pick(found, b);
    world.checks.take(disk, taken);
    disk.files.remove(taken);
  },
  redeliver: (world, _a, b) => {
    const noted = [...world.ledger.files()].flatMap(
      ([key, { version }]) => world.truth.find(key, version) ?? [],
    );
    const delivered = noted.filter((version) => world.checks.isDelivered(version));
    if (delivered.length === 0) return;
    const { uploader, path, version } = pick(delivered, b);
    const wish = { kind: "again", group: "group", uploader, path, version, format: 1, time: "" } as const;
    void world.ledger.for(new Process("somebody")).write(wish);
  },
  snapshot: (world, a) => machine(world, a).takeSnapshot(),
  rollBack: (world, a) => {
    // Of a ledger that was made anew nobody can tell any more which store has what.
    if (!world.checks.hasNewLedger) machine(world, a).rollBack();
  },
  storeDeleted: (world, a) => {
    const one = machine(world, a);
    const { disk } = one;
    if (one.process.alive) one.kill();
    const all = [...disk.files.files().keys()].filter((file) => file.startsWith(`${output}/.streamsend`));
    for (const file of all) disk.files.remove(file);
    world.checks.forgot(disk, true);
    one.start();
  },
} satisfies Record<string, Deed>;

const weights: Partial<Record<Kind, number>> = {
  put: 16,
  putMany: 2,
  kill: 4,
  powerCut: 4,
  rebalance: 4,
  timePasses: 3,
  expire: 2,
  remakeTopic: 1,
  remakeLedger: 1,
  addPartition: 1,
  lie: 1,
  uploaderFreezes: 1,
  uploaderIsReplaced: 1,
  storeDeleted: 1,
};

const event = (only: readonly Kind[]): fc.Arbitrary<Event> =>
  fc.record({
    kind: fc.oneof(...only.map((kind) => ({ arbitrary: fc.constant(kind), weight: weights[kind] ?? 2 }))),
    after: fc.oneof(fc.nat(5), fc.nat(60), fc.nat(400)),
    a: fc.nat(999),
    b: fc.nat(999),
  });

/**
 * Stories of anything, of these kinds of events, or of these very events in another order of turns; in worlds of any kind, or
 * where a file is surely spread over what several members share.
 */
export function stories({
  only,
  told,
  spreads,
  keepsBoth,
  beside,
}: {
  only?: readonly Kind[];
  told?: readonly Event[];
  spreads?: true;
  keepsBoth?: true;
  beside?: true;
}): fc.Arbitrary<Story> {
  const several = { min: spreads ? 2 : 1, max: 3 };
  const isOfAnything = only === undefined && told === undefined;
  const beginning = fc
    .record({
      seed: fc.nat(),
      partitions: fc.integer(several),
      machines: fc.integer(several),
      keepsBoth: fc.boolean(),
      after: fc.constantFrom("keep", "keep", "keep", "delete", "move"),
    })
    .map(
      (drawn): Beginning => ({
        ...drawn,
        keepsBoth: keepsBoth ?? drawn.keepsBoth,
        beside: beside ?? false,
        spreads: spreads ?? (isOfAnything && drawn.seed % 2 === 1),
      }),
    );
  return fc.record({
    beginning,
    events: told
      ? fc.constant([...told])
      : fc.array(event(only ?? kinds()), { minLength: 1, maxLength: 40, size: "max" }),
  });
}

export async function happen(world: World, { kind, after, a, b }: Event): Promise<void> {
  await world.run(after);
  world.trace(`--- ${kind} ${a} ${b}`);
  events[kind](world, a, b);
}

function kinds(): Kind[] {
  return Object.keys(events) as Kind[];
}

function uploader(world: World, a: number) {
  return pick(world.uploaders, a);
}

function machine(world: World, a: number) {
  return pick(world.downloaders, a);
}

function path(a: number): string {
  return pick(paths, Math.floor(a / 2));
}

function pick<T>(items: readonly T[], at: number): T {
  return items[at % items.length] as T;
}
