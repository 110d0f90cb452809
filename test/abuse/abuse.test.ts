/**
 * A stranger who may write to both topics, against both roles as they are compiled, on a real Kafka: memory and log stay
 * within their bounds, files go on arriving, also after a start on what the stranger has left. `scripts/abuse` runs it longer.
 */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { PlainKafka } from "../support/plain-kafka.ts";
import { headerOf } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";
import { attacks, type Codec, type Target } from "./attacks.ts";

const openScene = useScenes();
const MiB = 1 << 20;
const minutes = Number(process.env.AGENT_ABUSE_MINUTES ?? 2);
/** One and a half times each role's goal. */
const most = { uploader: 144 * MiB, downloader: 192 * MiB };
const mostLinesASecond = 1;
const patienceMs = 300_000;
const fileEveryMs = 2000;
/** An attack is a stream, not a flood that only the broker's disk bounds, and the same on every machine. */
const turnEveryMs = 6000;

test(
  "a stranger who may write to both topics brings no role over its bounds, and stops no file",
  async () => {
    const scene = await openScene();
    const kafka = await scene.kafka();
    const settings = { "message.timestamp.type": "LogAppendTime" };
    await kafka.createTopic(scene.topic, 1, settings);
    await kafka.createTopic(scene.ledger, 1, { ...settings, "cleanup.policy": "compact" });
    const source = await scene.folder("source");
    const output = await scene.folder("output");
    let agents = await startBoth(scene, source, output);
    await passFile(source, agents.downloader, "first.txt");
    const target = await targetOf(kafka, scene);
    const strangers = await openStrangers(scene.brokers);
    const beganMs = performance.now();
    const elapsedMs = () => performance.now() - beganMs;
    let written = 0;
    let turn = 0;
    while (elapsedMs() < minutes * 60_000) {
      for (const attack of attacks) {
        const stranger = strangers.get(attack.codec ?? "none") as PlainKafka;
        const topic = attack.on === "chunks" ? scene.topic : scene.ledger;
        await stranger.produce(topic, attack.records(target, turn));
        if (elapsedMs() > written * fileEveryMs)
          await writeFile(join(source, `${written++}.txt`), `file ${written}`);
        stillRun(agents);
      }
      turn++;
      await Bun.sleep(Math.max(0, turn * turnEveryMs - elapsedMs()));
    }
    for (let at = 0; at < written; at++)
      await agents.downloader
        .waitForLine(new RegExp(`/${at}\\.txt: merge complete`), patienceMs)
        .catch((error) => {
          throw new Error(`${agents.uploader.report()}\n${error}`);
        });
    const seconds = elapsedMs() / 1000;
    const peaks = await peaksOf(agents);
    const lines = { uploader: linesOf(agents.uploader), downloader: linesOf(agents.downloader) };
    await check(agents);
    await Promise.all([agents.uploader.kill(), agents.downloader.kill()]);
    agents = await startBoth(scene, source, output);
    await passFile(source, agents.downloader, "last.txt");
    await check(agents);
    const peaksAgain = await peaksOf(agents);
    for (const stranger of strangers.values()) await stranger.close();
    const result = {
      turns: turn,
      seconds: Math.round(seconds),
      files: written,
      peaks,
      peaksAgain,
      lines: { uploader: lines.uploader.length, downloader: lines.downloader.length },
    };
    console.log(`abuse: ${JSON.stringify(result)}`);
    // What to look at when it is too much.
    if (lines.downloader.length / seconds > mostLinesASecond)
      console.log(lines.downloader.map((line) => line.slice(0, 150)).join("\n"));
    for (const role of ["uploader", "downloader"] as const) {
      expect([role, peaks[role] * MiB < most[role], peaksAgain[role] * MiB < most[role]]).toEqual([
        role,
        true,
        true,
      ]);
      expect([role, lines[role].length / seconds <= mostLinesASecond]).toEqual([role, true]);
    }
  },
  minutes * 60_000 + 4 * patienceMs,
);

interface Agents {
  uploader: AgentProcess;
  downloader: AgentProcess;
}

async function startBoth(scene: Scene, source: string, output: string): Promise<Agents> {
  const options = { settings: { ...anyPort, log: { chunks: false } } };
  const [uploader, downloader] = await Promise.all([
    scene.uploader(source, options),
    scene.downloader(output, options),
  ]);
  return { uploader, downloader };
}

async function passFile(source: string, downloader: AgentProcess, name: string): Promise<void> {
  await writeFile(join(source, name), name);
  await downloader.waitForLine(new RegExp(`/${name.replace(".", "\\.")}: merge complete`), patienceMs);
}

/** The first file, as its record says. */
async function targetOf(kafka: PlainKafka, scene: Scene): Promise<Target> {
  const { id } = await kafka.describeTopic(scene.topic);
  const [record] = await kafka.readAll(scene.topic);
  if (!record) throw new Error("nothing was sent");
  const version = Number(headerOf(record, "version"));
  return { uploader: "uploader", group: scene.group, topicId: id, path: "first.txt", version };
}

async function openStrangers(brokers: string): Promise<Map<Codec, PlainKafka>> {
  const codecs: Codec[] = ["none", "gzip", "snappy", "lz4", "zstd"];
  const open = (codec: Codec) =>
    PlainKafka.open(brokers, {
      "compression.type": codec,
      "message.max.bytes": "1000000000",
      "queue.buffering.max.kbytes": "1000000",
    });
  return new Map(await Promise.all(codecs.map(async (codec) => [codec, await open(codec)] as const)));
}

function stillRun(agents: Agents): void {
  for (const agent of Object.values(agents) as AgentProcess[])
    if (!agent.isRunning) throw new Error(`an agent has ended\n${agent.report()}`);
}

/** Both work, and their status is small. */
async function check(agents: Agents): Promise<void> {
  stillRun(agents);
  for (const agent of Object.values(agents) as AgentProcess[]) {
    const http = await AgentHttp.of(agent);
    await waitUntil("it works", async () => {
      const { reasons = [] } = (await (await http.get("/readyz")).json()) as { reasons?: string[] };
      // A file of any size may be announced, and waits for room as the page says: that is told, and nothing else.
      return reasons.every((reason) => /files? waits? for room/.test(reason));
    });
    expect((await (await http.get("/api/status")).text()).length).toBeLessThan(500_000);
    expect((await (await http.get("/metrics")).text()).length).toBeLessThan(50_000);
  }
}

/** MiB. */
async function peaksOf({ uploader, downloader }: Agents): Promise<{ uploader: number; downloader: number }> {
  const peak = (agent: AgentProcess) => Math.round(agent.peakMemoryBytes() / MiB);
  return { uploader: peak(uploader), downloader: peak(downloader) };
}

/** What was said to be wrong. */
function linesOf(agent: AgentProcess): string[] {
  return agent.output.split("\n").filter((line) => /^\[[^\]]*\] (WARN|ERROR) /.test(line));
}
