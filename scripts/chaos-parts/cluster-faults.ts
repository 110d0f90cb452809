/** What somebody with the rights of an administrator does to the brokers: takes rights away, deletes the ledger, makes the cluster anew. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { FaultDraw, FaultScene } from "./fault.ts";
import { acls, everybody, giveRights, ledger, topic, untilDone } from "./rights.ts";

/** Reading or writing of one topic is denied to everybody, and allowed again. */
export async function takeRights(
  { stage, say }: FaultScene,
  _target: string,
  draw: FaultDraw,
): Promise<void> {
  const [name, operation] = [
    [ledger, "Write"],
    [topic, "Write"],
    [topic, "Read"],
    [ledger, "Read"],
  ][draw.extent % 4] as [string, string];
  const right = ["--deny-principal", everybody, "--operation", operation, "--topic", name];
  await untilDone(stage.kafka, acls, "--add", ...right);
  say(`nobody may ${operation.toLowerCase()} ${name}`);
  await Bun.sleep(1000 + draw.duration * 12);
  await untilDone(stage.kafka, acls, "--remove", "--force", ...right);
}

export async function deleteLedger({ stage, ledgerLost, groupsHaveBegun }: FaultScene): Promise<void> {
  if (!groupsHaveBegun()) return;
  ledgerLost();
  await untilDone(
    stage.kafka,
    "org.apache.kafka.tools.TopicCommand",
    "--delete",
    "--if-exists",
    "--topic",
    ledger,
  );
  ledgerLost();
}

/** The brokers come back with nothing: no topic, no position, another cluster's name. */
export async function renewCluster({
  stage,
  ledgerLost,
  killed,
  groupsHaveBegun,
}: FaultScene): Promise<void> {
  if (!groupsHaveBegun()) return;
  const { kafka, uploaders } = stage;
  ledgerLost();
  const inFlight = uploaders.some((agent) => agent.isInFlight);
  await kafka.kill();
  killed("broker", inFlight);
  for (const part of ["data", "formatted", "cluster"])
    rmSync(join(kafka.dir, part), { recursive: true, force: true });
  await kafka.restart();
  ledgerLost();
  await giveRights(kafka);
}
