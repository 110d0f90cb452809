/** The faults, each as what is done, how long it lasts and how it is mended. A new kind of fault is a new row. */
import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../test/support/compare.ts";
import { waitUntil } from "../../test/support/wait.ts";
import type { ChaosAgent } from "./agent.ts";
import { deleteLedger, renewCluster, takeRights } from "./cluster-faults.ts";
import type { Fault, FaultDraw, FaultScene } from "./fault.ts";
import type { Stage, StageDisk } from "./stage.ts";

const broker = "broker";
/** Most that a kill waits for a moment with chunks under way. */
const aimMs = 4000;
const script = join(import.meta.dir, "../kafka");

export const faults: readonly Fault[] = [
  { name: "kill-uploader", weight: 24, target: uploader, run: killAgent },
  { name: "kill-downloader", weight: 24, target: downloader, run: killAgent },
  { name: "kill-broker", weight: 4, target: () => broker, run: killBroker },
  {
    name: "freeze-uploader",
    weight: 5,
    target: uploader,
    run: (scene, target, draw) => freeze(scene, target, 500 + draw.duration * 8),
  },
  // Often for longer than the session: its partitions are another's when it comes back.
  {
    name: "freeze-downloader",
    weight: 6,
    target: downloader,
    run: (scene, target, draw) => freeze(scene, target, 500 + draw.duration * 22),
  },
  { name: "freeze-broker", weight: 2, target: () => broker, run: freezeBroker },
  {
    name: "cut-link",
    weight: 6,
    target: anyAgent,
    run: (scene, target, draw) => spoil(scene, target, draw, "cut"),
  },
  {
    name: "delay-link",
    weight: 5,
    target: anyAgent,
    run: (scene, target, draw) => spoil(scene, target, draw, "delay"),
  },
  {
    name: "reset-link",
    weight: 6,
    target: anyAgent,
    run: (scene, target, draw) => spoil(scene, target, draw, "reset"),
  },
  {
    name: "silence-link",
    weight: 4,
    target: anyAgent,
    run: (scene, target, draw) => spoil(scene, target, draw, "silence"),
  },
  { name: "delete-partials", weight: 5, target: downloader, run: deletePartials },
  { name: "delete-store", weight: 3, target: downloader, run: deleteStore },
  { name: "fill-disk", weight: 4, target: smallDisk, run: fillDisk },
  { name: "cut-log", weight: 1, target: () => broker, run: cutLog },
  { name: "jump-clock", weight: 6, target: clockOf, run: jumpClock },
  { name: "take-rights", weight: 2, target: () => "rights", run: takeRights },
  {
    name: "swap-folder",
    weight: 4,
    target: (stage, draw) => inTheSource(uploader(stage, draw)),
    run: ({ swapFolder }, target, draw) =>
      swapFolder(target.split(" ").at(-1) ?? "", 200 + draw.duration * 2),
  },
  { name: "usurp-name", weight: 2, target: uploader, run: usurpName },
  { name: "delete-ledger", weight: 1, target: () => broker, run: deleteLedger },
  { name: "renew-cluster", weight: 1, target: () => broker, run: renewCluster },
];

/** Seconds that a clock is off; the devices are those without a battery, too. */
const clockJumps = [-55 * 365 * 86_400, -86_400, -30, -3, 3, 30, 86_400, 10 * 365 * 86_400];
/** Within this one of two holders of a name has to see that it is the other's. */
const usurpedMs = 60_000;

function uploader({ uploaders }: Stage, { target }: FaultDraw): string | undefined {
  return uploaders[target % uploaders.length]?.name;
}

function downloader({ downloaders }: Stage, { target }: FaultDraw): string | undefined {
  return downloaders[target % downloaders.length]?.name;
}

function anyAgent({ agents }: Stage, { target }: FaultDraw): string | undefined {
  return agents[target % agents.length]?.name;
}

function smallDisk({ disks, noSmallDisks }: Stage, { target }: FaultDraw): string | undefined {
  const small = noSmallDisks === undefined ? disks.filter((disk) => disk.small) : [];
  return small[target % Math.max(1, small.length)]?.name;
}

function clockOf(stage: Stage, draw: FaultDraw): string | undefined {
  return `clock of ${anyAgent(stage, draw)}`;
}

function inTheSource(name: string | undefined): string {
  return `folder of ${name}`;
}

function agentOf(stage: Stage, name: string): ChaosAgent {
  return stage.agents.find((agent) => agent.name === name) as ChaosAgent;
}

function diskOf(stage: Stage, name: string): StageDisk {
  return stage.disks.find((disk) => disk.name === name) as StageDisk;
}

async function killAgent(scene: FaultScene, target: string, draw: FaultDraw): Promise<void> {
  const agent = agentOf(scene.stage, target);
  if (draw.extent < 800) await aim(() => agent.isInFlight);
  const { isInFlight } = agent;
  await agent.kill();
  scene.killed(target, isInFlight);
  await Bun.sleep(draw.duration * 4);
  agent.start();
}

async function killBroker({ stage, killed }: FaultScene, _target: string, draw: FaultDraw): Promise<void> {
  const inFlight = () => stage.uploaders.some((agent) => agent.isInFlight);
  await aim(inFlight);
  const hit = inFlight();
  await stage.kafka.kill();
  killed(broker, hit);
  await Bun.sleep(draw.duration * 3);
  await stage.kafka.restart();
}

async function aim(isInFlight: () => boolean): Promise<void> {
  await waitUntil("chunks are under way", isInFlight, { timeoutMs: aimMs }).catch(() => undefined);
}

async function freeze({ stage }: FaultScene, target: string, ms: number): Promise<void> {
  const agent = agentOf(stage, target);
  agent.freeze();
  await Bun.sleep(ms);
  agent.thaw();
}

async function freezeBroker({ stage }: FaultScene, _target: string, draw: FaultDraw): Promise<void> {
  const { pid } = stage.kafka;
  process.kill(pid, "SIGSTOP");
  // Beyond nine seconds the broker is fenced for a moment once it goes on.
  await Bun.sleep(500 + draw.duration * 16);
  process.kill(pid, "SIGCONT");
}

async function spoil(
  { stage }: FaultScene,
  target: string,
  draw: FaultDraw,
  how: "cut" | "delay" | "reset" | "silence",
): Promise<void> {
  const { link } = agentOf(stage, target);
  if (how === "cut") await link.cut();
  else if (how === "delay") await link.delay(100 + draw.extent, draw.extent / 2);
  else if (how === "reset") await link.reset(draw.extent);
  else await link.silence(200 + draw.extent * 3);
  await Bun.sleep(500 + draw.duration * 8);
  await link.mend();
}

/** Some of what is unfinished, under a running downloader. */
async function deletePartials(
  { stage, storeDeleted, say }: FaultScene,
  target: string,
  draw: FaultDraw,
): Promise<void> {
  const disk = diskOf(stage, target);
  const folder = join(disk.output, ".streamsend/partial");
  await aim(() => agentOf(stage, target).isInFlight);
  // Not there before its first session on an output.
  const all = existsSync(folder) ? readdirSync(folder) : [];
  const names = all.filter((_, at) => (at + draw.extent) % 3 !== 0);
  storeDeleted(disk.name);
  for (const name of names) rmSync(join(folder, name), { force: true });
  say(`${target}: ${names.length} files of unfinished versions deleted`);
}

/** All that a downloader remembers, as on a new machine. */
async function deleteStore(scene: FaultScene, target: string, draw: FaultDraw): Promise<void> {
  const agent = agentOf(scene.stage, target);
  await aim(() => agent.isInFlight);
  const { isInFlight } = agent;
  await agent.kill();
  scene.killed(target, isInFlight);
  rmSync(join(diskOf(scene.stage, target).output, ".streamsend"), { recursive: true, force: true });
  await Bun.sleep(500 + draw.duration * 2);
  // Only now has everything been seen that it had published before.
  scene.storeDeleted(target);
  agent.start();
}

/** Leaves nothing, a little, or room for all but large files. */
async function fillDisk({ stage, say }: FaultScene, target: string, draw: FaultDraw): Promise<void> {
  const { root } = diskOf(stage, target);
  const leave = [0, 20 << 20, 100 << 20][draw.extent % 3] ?? 0;
  const { bavail, bsize } = statfsSync(root);
  const ballast = join(root, "ballast");
  const bytes = Math.max(1, bavail * bsize - leave);
  await run(["fallocate", "-l", String(bytes), ballast]);
  say(`${target}: ${leave >> 20} MiB left free`);
  await Bun.sleep(2000 + draw.duration * 12);
  rmSync(ballast, { force: true });
}

/** Everything in the log so far expires. */
async function cutLog({ stage, groupsHaveBegun, say }: FaultScene): Promise<void> {
  if (!groupsHaveBegun()) return;
  const file = join(stage.kafka.dir, "cut.json");
  const partitions = [0, 1, 2, 3, 4, 5].map((partition) => ({ topic: "streamsend", partition, offset: -1 }));
  writeFileSync(file, JSON.stringify({ version: 1, partitions }));
  const tool = "org.apache.kafka.tools.DeleteRecordsCommand";
  const { code, errors } = await run([
    script,
    "run",
    tool,
    "--bootstrap-server",
    stage.kafka.bootstrap,
    "--offset-json-file",
    file,
  ]);
  say(code === 0 ? "the log was cut at its end" : `the log could not be cut: ${errors.trim().slice(0, 200)}`);
}

/** The clock of a device, which is nobody else's. */
async function jumpClock({ stage, say }: FaultScene, target: string, draw: FaultDraw): Promise<void> {
  const agent = agentOf(stage, target.split(" ").at(-1) ?? "");
  const seconds = clockJumps[draw.extent % clockJumps.length] ?? 0;
  await agent.faults.setClock(seconds);
  say(`${agent.name}: its clock is ${seconds} s off`);
  await Bun.sleep(1000 + draw.duration * 20);
  await agent.faults.setClock(0);
}

/** An agent is frozen, another one of its name is started, and the first wakes up: one of them has to end by itself, and only one. */
async function usurpName(
  { stage, misbehaved, say }: FaultScene,
  target: string,
  draw: FaultDraw,
): Promise<void> {
  const agent = agentOf(stage, target);
  if (draw.extent < 800) await aim(() => agent.isInFlight);
  const both = agent.usurp();
  if (!both) return;
  const { first, second } = both;
  await Bun.sleep(1000 + draw.duration * 20);
  say(`${target}: the first one wakes up`);
  first.signal("SIGCONT");
  const isOver = () => !first.isRunning || !second.isRunning;
  await waitUntil("one of them ends", isOver, { timeoutMs: usurpedMs }).catch(() => undefined);
  const left = [first, second].filter(({ isRunning }) => isRunning);
  if (left.length === 2) {
    const said = (await agent.statuses()).map((status) => status.slice(0, 2000));
    misbehaved(target, `two agents of its name go on side by side: ${said.join(" | ")}`);
    await first.kill();
  }
  for (const { exitCode } of [first, second])
    if (exitCode !== null && exitCode !== 1)
      misbehaved(target, `it left its name to another with exit code ${exitCode}`);
  if (left.length === 0) misbehaved(target, "both holders of its name have ended");
  agent.decided(left.at(-1));
}
