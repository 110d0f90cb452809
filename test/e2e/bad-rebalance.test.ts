/** Members of one group that come, leave, are killed and freeze, all while files of several chunks are on their way. */
import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { AgentProcess } from "../support/agent-process.ts";
import { commitsOf } from "../support/commits.ts";
import { leftovers, listFiles, md5sum } from "../support/compare.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const partitions = 6;
const chunkBytes = 64 << 10;
const chunksOfFile = 8;
/** The shortest session that brokers allow: a member that says nothing for so long has lost its partitions. */
const sessionMs = 6000;
const kafka = {
  partitions,
  options: { "session.timeout.ms": sessionMs, "heartbeat.interval.ms": 1000 },
};

interface Member {
  name: string;
  output: string;
  agent: AgentProcess;
}

/** An uploader that is slow enough to be in the middle of files, and the members of the group. */
class Play {
  readonly scene: Scene;
  readonly source: string;
  readonly members: Member[] = [];
  uploader!: AgentProcess;
  /** The MD5 of every content that a path ever had, the newest last. */
  readonly contents = new Map<string, string[]>();

  constructor(scene: Scene, source: string) {
    this.scene = scene;
    this.source = source;
  }

  static async begin(): Promise<Play> {
    const scene = await openScene();
    const play = new Play(scene, await scene.folder("source"));
    const slowly = { chunk: chunkBytes, rate: "2MB/s", in_flight: "768KiB", parallel: 6 };
    play.uploader = await scene.uploader(play.source, { kafka, uploader: slowly });
    return play;
  }

  async join(name: string): Promise<Member> {
    const output = await this.scene.folder(name);
    const member = { name, output, agent: await this.#start(name, output) };
    this.members.push(member);
    return member;
  }

  /** The same member, on the same output, in a new process. */
  async startAgain(member: Member): Promise<void> {
    member.agent = await this.#start(member.name, member.output);
  }

  /** Two files in each partition, so that every member has something to do. */
  async write(wave: string): Promise<void> {
    await mkdir(join(this.source, wave), { recursive: true });
    for (let at = 0; at < 2 * partitions; at++) {
      const path = pathIn(wave, at % partitions, at);
      await writeLargeFile(join(this.source, path), chunkBytes * chunksOfFile);
      this.contents.set(path, [...(this.contents.get(path) ?? []), await md5sum(join(this.source, path))]);
    }
  }

  /** Until the member is in the middle of a file of this wave. */
  inTheMiddle({ agent }: Member, wave: string): Promise<unknown> {
    return agent.waitForLine(new RegExp(`uploader/${wave}/\\S+ \\(0000[3-6]/00008\\): appended`));
  }

  /** Until the newest content of each path is in an output; what else is in any of them must be whole, too. */
  async expectAllStored(): Promise<void> {
    await waitUntil("every file is stored", async () => (await this.#missing()).length === 0, {
      pollMs: 500,
      detail: () => this.report(),
    });
    for (const { output } of this.members) {
      for (const path of await storedIn(output)) {
        const known = this.contents.get(path.replace(/^uploader\//, "")) ?? [];
        expect([path, known]).toEqual([path, expect.arrayContaining([await md5sum(join(output, path))])]);
      }
    }
  }

  /** The group's position is at the end, and has never gone back; each newest version has its receipt. */
  async expectSettled(): Promise<void> {
    const { scene, contents } = this;
    const plain = await scene.kafka();
    const ends = await plain.endOffsets(scene.topic);
    const atEnd = async () => Bun.deepEquals(await plain.committedBy(scene.group, scene.topic), ends);
    await waitUntil("all is committed", atEnd, { pollMs: 500, detail: () => this.report() });
    const commits = await commitsOf(plain, scene.group, scene.topic);
    expect(commits.size).toBe(partitions);
    for (const offsets of commits.values()) expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    const ledger = compacted(await plain.readAll(scene.ledger));
    for (const path of contents.keys()) {
      const { version } = ledger.get(`file/uploader/${path}`) as { version: number };
      const receipt = `delivered/${scene.group}/uploader/${version}/${path}`;
      expect([path, ledger.has(receipt)]).toEqual([path, true]);
    }
  }

  /** Nothing of what another member has finished meanwhile stays in a store. */
  async expectNothingLeftOver(): Promise<void> {
    for (const { name, output } of this.members) {
      const isEmpty = async () => (await leftovers(output)).length === 0;
      await waitUntil(`nothing is left over in ${name}`, isEmpty, { detail: () => this.report() });
    }
  }

  report(): string {
    return [this.uploader, ...this.members.map(({ agent }) => agent)].map((one) => one.report()).join("\n");
  }

  async #missing(): Promise<string[]> {
    const missing: string[] = [];
    for (const [path, known] of this.contents) {
      const copies = this.members.map(({ output }) => join(output, "uploader", path));
      const there = await Promise.all(copies.map((copy) => md5sum(copy).catch(() => "")));
      if (!there.includes(known.at(-1) ?? "")) missing.push(path);
    }
    return missing;
  }

  #start(name: string, output: string): Promise<AgentProcess> {
    return this.scene.downloader(output, { name, kafka });
  }
}

/** A path whose key has this partition (docs/protocol.md). */
function pathIn(wave: string, partition: number, at: number): string {
  for (let salt = 0; ; salt++) {
    const path = `${wave}/${at}-${salt}.bin`;
    if (crc32(`uploader/${path}`) % partitions === partition) return path;
  }
}

async function storedIn(output: string): Promise<string[]> {
  return (await listFiles(output)).map((line) => line.split(" ")[0] ?? "");
}

test("members that join, leave and are killed in the middle of files: every file ends whole on an output", async () => {
  const play = await Play.begin();
  const one = await play.join("one");
  await play.write("first");
  await play.inTheMiddle(one, "first");
  const two = await play.join("two");
  await play.write("second");
  await play.inTheMiddle(two, "second");
  const three = await play.join("three");
  await play.write("third");
  await play.inTheMiddle(three, "third");
  one.agent.signal("SIGTERM");
  expect(await one.agent.waitForExit()).toBe(0);
  await play.write("fourth");
  await play.inTheMiddle(two, "fourth");
  await two.agent.kill();
  await play.write("fifth");
  await play.inTheMiddle(three, "fifth");
  await play.expectAllStored();
  await play.expectSettled();
  await play.startAgain(one);
  await play.startAgain(two);
  await play.expectNothingLeftOver();
});

test("a member that freezes for longer than its session, and comes back, changes nothing that others did meanwhile", async () => {
  const play = await Play.begin();
  const frozen = await play.join("frozen");
  const other = await play.join("other");
  await play.write("first");
  await Promise.all([play.inTheMiddle(frozen, "first"), play.inTheMiddle(other, "first")]);
  frozen.agent.signal("SIGSTOP");
  // Newer versions of what the frozen member is in the middle of.
  await play.write("first");
  await play.write("second");
  await play.expectAllStored();
  await play.expectSettled();
  frozen.agent.signal("SIGCONT");
  await frozen.agent.waitForLine(/downloading: works again/);
  await play.expectNothingLeftOver();
  await play.write("third");
  await play.inTheMiddle(frozen, "third");
  await play.expectAllStored();
  await play.expectSettled();
});
