/** What is known of an uploader's versions, held against a plain account of what was noted and delivered. */
import { expect, test } from "bun:test";
import { DueCount } from "../../../../agent/ledger/group/due-versions.ts";
import type { Mark } from "../../../../agent/ledger/group/mark.ts";
import type { Delivered, Noted } from "../../../../agent/ledger/group/noted.ts";
import { UploaderMarks } from "../../../../agent/ledger/group/uploader-marks.ts";
import { mapKey } from "../../../../agent/wire/chunk.ts";
import type { DoneValue } from "../../../../agent/wire/entry-value.ts";
import { Random } from "../../../support/random.ts";

const rounds = 600;
const steps = 120;
const partitions = 2;

interface Version {
  path: string;
  version: number;
  checksum: string;
  partition: number;
  state: "open" | "noted" | "dead";
  /** When it was noted first. */
  at: number;
  /** Where it stands, if its uploader has noted it. */
  slot: number;
  /** The group has it, and the ledger says so. */
  isDelivered: boolean;
  /** The group has it, whether anybody knows or not. */
  isStored: boolean;
  /** A receipt stands that it has failed, and whether that counts. */
  hasReceipt: boolean;
  hasFailed: boolean;
  /** It stood in a ledger that was deleted, and that is not forgotten. */
  hadReceipt: boolean;
  /** It was noted in a ledger that was deleted, and is yet to be noted in the one now. */
  isToBeNotedAgain: boolean;
}

type Logged =
  | { kind: "batch"; slot: string; next: number; open: number[]; files: Noted[] }
  | { kind: "mark"; partition: number; value: DoneValue };

/** An uploader, its ledger, and a group whose members share the partitions or are one. */
class Story {
  readonly random: Random;
  readonly versions: Version[] = [];
  log: (Logged | undefined)[] = [];
  marks = newMarks();
  /** How far the member has read. */
  read = 0;
  isRecreated = false;
  /** What a frozen member was about to write. */
  #late: { partition: number; value: DoneValue } | undefined;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  give(): void {
    const version = (this.versions.at(-1)?.version ?? 0) + 1 + this.random.below(3);
    const path = `p${this.random.below(6)}`;
    // One before it will never be sent.
    for (const one of this.versions) if (one.path === path && one.state === "open") one.state = "dead";
    const partition = Number(path.slice(1)) % partitions;
    this.versions.push({
      ...{
        path,
        version,
        checksum: `c${version}`,
        partition,
        state: "open",
        at: -1,
        slot: -1,
        isDelivered: false,
        isStored: false,
        isToBeNotedAgain: false,
        hasReceipt: false,
        hasFailed: false,
        hadReceipt: false,
      },
    });
  }

  /** Notes some of what is open, and moves some of what was noted. */
  note(): void {
    const open = this.versions.filter(({ state, isToBeNotedAgain }) => state === "open" || isToBeNotedAgain);
    const news = open.filter(() => this.random.below(3) > 0);
    const offset = this.log.length;
    for (const one of news) Object.assign(one, { state: "noted", at: offset, isToBeNotedAgain: false });
    const isToMove = (one: Version) => !one.isToBeNotedAgain && this.#isNewestNoted(one);
    const moved = this.versions.filter((one) => isToMove(one) && this.random.below(8) === 0);
    this.#putBatch([...news, ...moved]);
  }

  #putBatch(noted: readonly Version[]): void {
    const offset = this.log.length;
    const slot = this.#freeSlot();
    for (const one of noted) one.slot = slot;
    const files = noted.map(({ path, version, checksum, partition, at }) => ({
      ...{ path, version, checksum, partition, at, slot: `${slot}`, slotAt: offset, hasFailed: false },
    }));
    const left = this.versions.filter(({ state }) => state === "open").map(({ version }) => version);
    const again = this.versions.filter((one) => one.isToBeNotedAgain).map(({ version }) => version);
    this.log.push({
      kind: "batch",
      slot: `${slot}`,
      next: Math.min((this.versions.at(-1)?.version ?? 0) + 1, ...again),
      open: left,
      files,
    });
  }

  /** One in which nothing stands that counts. */
  #freeSlot(): number {
    const isTaken = (slot: number) =>
      this.versions.some((one) => one.slot === slot && this.#isNewestNoted(one));
    for (let slot = 0; ; slot++) if (!isTaken(slot)) return slot;
  }

  /** Some of what is due fails. */
  fail(): void {
    for (const one of this.versions)
      if (this.#isKept(one) && !one.hasReceipt && this.random.below(4) === 0) {
        Object.assign(one, { hasReceipt: true, hasFailed: true });
        this.marks.failures.failed(keyOf(one), one.version);
      }
  }

  /** Its uploader says that it has what has failed: it is tried again. */
  tryAgain(): void {
    const failed = this.versions.filter((one) => one.hasFailed && this.#isNewestNoted(one));
    const one = failed[this.random.below(failed.length + 1)];
    if (!one || one.isDelivered || one.isToBeNotedAgain) return;
    one.hasFailed = false;
    this.#putBatch([one]);
  }

  /** It is known as due: what is left to its receipt is not, until it is tried again. */
  #isKept(one: Version): boolean {
    return (
      one.state === "noted" &&
      !one.isToBeNotedAgain &&
      this.marks.due.get(keyOf(one))?.version === one.version
    );
  }

  /** The uploader is killed: what it has not noted, nobody will. */
  crash(): void {
    for (const one of this.versions) if (one.state === "open") one.state = "dead";
  }

  /** The ledger is deleted and made again, and the uploader notes again what it knows. */
  recreate(): void {
    this.log = [];
    this.read = 0;
    this.#late = undefined;
    this.isRecreated = true;
    this.marks.ledgerRecreated();
    for (const one of this.versions)
      Object.assign(one, {
        ...{ isToBeNotedAgain: this.#isNewestNoted(one), slot: -1 },
        ...{ hadReceipt: one.hadReceipt || one.hasReceipt, hasReceipt: false, hasFailed: false },
      });
    for (let partition = 0; partition < partitions; partition++) this.write(partition, []);
  }

  readOn(): void {
    const dirty = new Set<number>();
    for (; this.read < this.log.length; this.read++)
      for (const { partition } of this.#apply(this.marks, this.read, true)) dirty.add(partition);
    for (const partition of dirty) this.write(partition, []);
  }

  /** A member is frozen as it is about to write, and another one goes on. */
  freeze(): void {
    const partition = this.random.below(partitions);
    const { forgottenCount: _, ...draft } = this.marks.draft(partition, []);
    this.#late = { partition, value: { format: 1, ...draft, at: this.read, by: {}, time: "" } };
  }

  /** It comes late; whoever has the partition now reads that. */
  thaw(): void {
    if (this.#late) this.log.push({ kind: "mark", ...this.#late });
    this.readOn();
  }

  write(partition: number, delivered: Delivered[], isHeard = true): void {
    const { forgottenCount, ...draft } = this.marks.draft(partition, delivered);
    expect(forgottenCount).toBe(0);
    const value: DoneValue = { format: 1, ...draft, at: this.read, by: {}, time: "" };
    const offset = this.log.push({ kind: "mark", partition, value }) - 1;
    if (isHeard) this.marks.records.written(partition, value, offset, delivered);
  }

  /** Some are whole, and are made durable. @param isKept whether the answer is heard */
  deliver(isKept: boolean): void {
    for (let partition = 0; partition < partitions; partition++) {
      const whole = this.versions.filter(
        (one) =>
          one.partition === partition &&
          this.random.below(3) === 0 &&
          !one.hasFailed &&
          (!one.hasReceipt || this.#isKept(one)) &&
          !this.#isSettled(one) &&
          this.#newestDelivered(one.path) < one.version,
      );
      const newest = whole.filter(
        (one) => !whole.some(({ path, version }) => path === one.path && version > one.version),
      );
      if (newest.length === 0) continue;
      const delivered = newest.map(({ path, version, checksum }) => {
        const isDueBefore = (one: Version) =>
          one.path === path && one.version < version && this.marks.mayBeDue(one.version);
        const supersedes = this.versions.find(isDueBefore)?.version;
        return { path, version, checksum, size: 1, supersedes };
      });
      this.write(partition, delivered, isKept);
      // Whatever becomes of the member: its disk knows what was published.
      for (const one of newest) Object.assign(one, { isDelivered: true, isStored: true, hasReceipt: false });
    }
  }

  #isSettled(one: Version): boolean {
    return this.marks.isSettled(one, one.partition, true, one.hasReceipt);
  }

  /** The member is started anew, or another one takes its place. @param compacts what the ledger keeps under each key */
  restart(compacts: boolean): void {
    if (compacts) this.#compact();
    this.marks = newMarks();
    for (const one of this.versions) one.hadReceipt = false;
    for (const [offset, logged] of this.log.entries())
      if (logged?.kind === "mark") this.#apply(this.marks, offset, false);
    this.marks.beginReading();
    for (this.read = 0; this.read < this.log.length; this.read++) this.#apply(this.marks, this.read, false);
    this.marks.endReading();
    if (!this.isRecreated) return;
    // What was not noted again, and read, before the member was killed comes once more.
    for (const one of this.versions)
      one.isDelivered &&= one.isToBeNotedAgain
        ? this.marks.isNamed(one, one.partition)
        : this.#isSettled(one);
  }

  readAgain(): void {
    this.marks.beginReading();
    const end = this.read;
    for (let at = 0; at < end; at++) {
      this.#apply(this.marks, at, true);
      // What is delivered meanwhile is written by what is known from before.
      if (this.random.below(8) === 0) this.deliver(true);
    }
    this.marks.endReading();
  }

  check(): void {
    const isBehind = this.read < this.log.length;
    for (const one of this.versions) {
      const isSettled = this.#isSettled(one);
      const isSuperseded = this.versions.some(
        ({ path, version, state, isStored }) =>
          path === one.path && version > one.version && (state === "noted" || isStored),
      );
      // A chunk of one that is noted again counts for nothing before that is read.
      const isBeforeNoted = one.isToBeNotedAgain || (isBehind && this.isRecreated);
      const maySettle = one.isStored || isSuperseded || one.state === "dead" || isBeforeNoted;
      if (isSettled && !maySettle) throw new Error(`${name(one)} is settled`);
      // Until all is noted again nothing is known of numbers that a newer one has superseded.
      const isUnknown = isSuperseded && this.versions.some(({ isToBeNotedAgain }) => isToBeNotedAgain);
      if (one.isDelivered && !isSettled && !isBehind && !isUnknown)
        throw new Error(`${name(one)} is forgotten`);
      const isDue = this.marks.mayBeDue(one.version);
      const isNoted = one.state === "noted" && !one.isToBeNotedAgain;
      const shouldBeDue = isNoted && !one.isDelivered && !isSuperseded;
      // What it has and has forgotten may come once more; of what has failed its receipt may be all that says so.
      const isEither = (one.isStored && !one.isDelivered) || one.hasReceipt;
      if (!isBehind && !isEither && isDue !== shouldBeDue)
        throw new Error(`${name(one)} is ${isDue ? "" : "not "}due`);
      if (this.#counts(one) && !one.isStored && !isSuperseded)
        throw new Error(`its uploader takes ${name(one)} as delivered`);
    }
  }

  /** Whether the uploader takes it as delivered by the newest mark. */
  #counts({ version, partition, checksum, at, state, isToBeNotedAgain, hasReceipt }: Version): boolean {
    const mark = this.log.findLast((one) => one?.kind === "mark" && one.partition === partition);
    if (mark?.kind !== "mark" || state !== "noted" || isToBeNotedAgain) return false;
    const { value } = mark;
    if (value.also.includes(version)) return true;
    if (value.early.some((file) => file.version === version && file.checksum === checksum)) return true;
    if (hasReceipt && version <= (value.failed ?? 0)) return false;
    return at < value.at && version <= value.to && !value.but.includes(version);
  }

  /** At the end, once all is read and one more mark is written. */
  checkUploader(): void {
    while (this.versions.some((one) => one.isToBeNotedAgain)) this.note();
    this.readOn();
    for (let partition = 0; partition < partitions; partition++) this.write(partition, []);
    // What a newer one has superseded that is delivered, and not noted, is that one's matter.
    for (const one of this.versions)
      if (this.#newestDelivered(one.path) === one.version && this.#isNewestNoted(one) && !this.#counts(one))
        throw new Error(`its uploader does not hear of ${name(one)}`);
  }

  #isNewestNoted(one: Version): boolean {
    return (
      one.state === "noted" &&
      !this.versions.some(
        ({ path, version, state }) => path === one.path && version > one.version && state === "noted",
      )
    );
  }

  #newestDelivered(path: string): number {
    return Math.max(
      0,
      ...this.versions.filter((one) => one.path === path && one.isDelivered).map(({ version }) => version),
    );
  }

  #compact(): void {
    const kept = new Map<string, number>();
    for (const [offset, logged] of this.log.entries())
      if (logged?.kind === "mark") kept.set(`${logged.partition}`, offset);
    this.log = this.log.map((logged, offset) =>
      logged?.kind === "mark" && kept.get(`${logged.partition}`) !== offset ? undefined : logged,
    );
  }

  #apply(marks: UploaderMarks, offset: number, isRead: boolean): Mark[] {
    const logged = this.log[offset];
    if (logged?.kind === "mark")
      return marks.records.read(logged.partition, logged.value, offset, isRead, () => false).dirty;
    if (logged?.kind !== "batch") return [];
    const dirty: Mark[] = [];
    for (const noted of logged.files) {
      for (const older of this.versions)
        if (older.path === noted.path && older.version < noted.version) dirty.push(...marks.settle(older));
      const isOld = this.versions.some(
        ({ path, version, at }) => path === noted.path && version > noted.version && at >= 0 && at <= offset,
      );
      const one = this.versions.find(({ version }) => version === noted.version);
      if (isOld || !one) continue;
      const { hasReceipt, hasFailed, hadReceipt } = one;
      dirty.push(
        ...marks.note({ ...noted, hasFailed }, { isWanted: false, hasReceipt, hadFailed: hadReceipt }).dirty,
      );
      one.hadReceipt = false;
    }
    dirty.push(...marks.leftInSlot(logged.slot, () => new Set(logged.files.map(keyOf)), offset).dirty);
    marks.announced.heard({ ...logged, epoch: 0 }, offset, logged.slot);
    return dirty;
  }
}

/** With no room for what has failed: all of it that can be is left to its receipts. */
function newMarks(): UploaderMarks {
  return new UploaderMarks("till", Object.assign(new DueCount(), { failed: 1e6 }));
}

function keyOf({ path }: { path: string }): string {
  return mapKey({ uploader: "till", path });
}

function name({ path, version, state }: Version): string {
  return `version ${version} of ${path}, which is ${state},`;
}

for (const isSingle of [true, false])
  test(`what is settled was delivered, superseded or is dead, and nothing that was delivered is forgotten, whatever happens${isSingle ? "" : " to the ledger"}`, () => {
    for (let seed = 0; seed < rounds; seed++) {
      const story = new Story(seed);
      const happened: string[] = [];
      const { random } = story;
      const events: Record<string, () => void> = {
        give: () => story.give(),
        giveMore: () => story.give(),
        note: () => story.note(),
        read: () => story.readOn(),
        deliver: () => story.deliver(true),
        deliverMore: () => story.deliver(true),
        fail: () => story.fail(),
        tryAgain: () => story.tryAgain(),
        crash: () => random.below(4) === 0 && story.crash(),
        die: () => {
          story.deliver(false);
          story.restart(!isSingle);
        },
        restart: () => story.restart(!isSingle),
        readAgain: () => story.readAgain(),
        recreate: () => random.below(6) === 0 && story.recreate(),
        freeze: () => story.freeze(),
        thaw: () => story.thaw(),
      };
      try {
        for (let step = 0; step < steps; step++) {
          const event = random.pick(Object.keys(events));
          happened.push(event);
          events[event]?.();
          // Somebody else's are changed next.
          if (random.below(2) === 0) story.marks.marks.rest();
          story.check();
        }
        story.checkUploader();
      } catch (error) {
        if (process.env.DBG)
          for (const [at, one] of story.log.entries()) console.log(at, JSON.stringify(one)?.slice(0, 600));
        throw new Error(`${error} (seed ${seed}: ${happened.join(" ")})`);
      }
    }
  });

const hash = "md5:5d41402abc4b2a76b9719d911017c592";
const whole = (path: string, version: number): Delivered => ({ path, version, size: 5, checksum: hash });
const noted = (path: string, version: number, at: number): Noted => ({
  ...{ path, version, checksum: hash, partition: 0, at, slot: "1/0", slotAt: at, hasFailed: false },
});
const record = (says: Partial<DoneValue>): DoneValue => ({
  ...{ format: 1, to: 0, at: 0, but: [], also: [], early: [], by: {}, time: "", ...says },
});

/** Two files are due, numbers 15 and 20, and four above them are delivered. */
function withMark(): UploaderMarks {
  const marks = new UploaderMarks("till");
  marks.announced.heard({ next: 51, open: [], epoch: 1 }, 0, "1/0");
  const delivered = [40, 41, 42, 43].map((version) => whole(`z${version}`, version));
  for (const { path, version } of [whole("x", 15), whole("y", 20), ...delivered])
    marks.note(noted(path, version, 0));
  const draft = marks.draft(0, delivered);
  expect(draft).toMatchObject({ to: 50, but: [15, 20] });
  marks.records.written(0, record({ ...draft, at: 10 }), 11, delivered);
  return marks;
}

test("what a frozen member's late mark says by numbers is taken from it, and said again", () => {
  const marks = withMark();
  const { dirty } = marks.records.read(0, record({ to: 30, at: 5, but: [20] }), 12, true, () => false);
  expect(marks.isSettled({ path: "x", version: 15 }, 0, true)).toBe(true);
  expect(dirty).toHaveLength(1);
  expect(marks.draft(0, []).but).toEqual([20]);
});

test("what is delivered is known, though the mark of a frozen member that does not know it came before the own one", () => {
  const marks = withMark();
  const delivered = [whole("x", 15)];
  const draft = marks.draft(0, delivered);
  marks.records.read(0, record({ to: 60, at: 120, but: [15, 20] }), 205, true, () => false);
  const { dirty } = marks.records.written(0, record({ ...draft, at: 100 }), 210, delivered);
  expect(marks.isSettled({ path: "x", version: 15 }, 0, true)).toBe(true);
  expect(dirty).toHaveLength(1);
  expect(marks.draft(0, []).but).toEqual([20]);
});

test("what was delivered before it was noted is not forgotten for a mark of a frozen member that does not know it", () => {
  for (const late of [
    { to: 70, but: [15, 20, 60] },
    { to: 50, but: [15, 20] },
  ]) {
    const marks = withMark();
    const delivered = [whole("e", 60)];
    marks.records.written(0, record({ ...marks.draft(0, delivered), at: 150 }), 200, delivered);
    marks.announced.heard({ next: 71, open: [], epoch: 1 }, 160, "1/0");
    expect(marks.note(noted("e", 60, 160)).verdict).toBe("settled");
    const { dirty } = marks.records.read(0, record({ ...late, at: 180 }), 210, true, () => false);
    expect(marks.isSettled({ path: "e", version: 60 }, 0, true)).toBe(true);
    expect(dirty).toHaveLength(1);
    expect(marks.draft(0, []).but).toEqual([15, 20]);
  }
});

test("what was noted while a mark was written, below its number, is due in a ledger that is made anew", () => {
  const marks = withMark();
  marks.announced.heard({ next: 71, open: [60], epoch: 1 }, 100, "1/0");
  marks.note(noted("w", 65, 100));
  const delivered = [15, 20, 65].map((version, at) => whole(["x", "y", "w"][at] ?? "", version));
  const draft = marks.draft(0, delivered);
  expect(draft).toMatchObject({ to: 70, but: [] });
  marks.announced.heard({ next: 71, open: [], epoch: 1 }, 105, "1/0");
  marks.note(noted("o", 60, 105));
  marks.records.written(0, record({ ...draft, at: 101 }), 110, delivered);
  expect(marks.isSettled({ path: "o", version: 60 }, 0, true)).toBe(false);
  marks.ledgerRecreated();
  expect(marks.note(noted("w", 65, 0)).verdict).toBe("settled");
  expect(marks.note(noted("o", 60, 0)).verdict).toBe("due");
});
