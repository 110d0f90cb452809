/**
 * `forget`: takes a retired uploader or group out of the ledger, for good. What would be lost is said first, and nothing is written
 * before somebody has said yes to it.
 */
import type { Config } from "../config/config.ts";
import type { Client } from "../kafka/connection/client.ts";
import { groupConsumerProperties } from "../kafka/connection/settings.ts";
import { membersAfter, membersOf, removeGroup } from "../kafka/topics/group-removal.ts";
import { forgetGroup } from "../ledger/forget/forget-group.ts";
import { forgetUploader } from "../ledger/forget/forget-uploader.ts";
import { surveyGroup, surveyUploader } from "../ledger/forget/survey.ts";
import { NameTakenError } from "../ledger/uploader/name-taken-error.ts";
import { AgentError } from "../lib/errors.ts";
import { someOf } from "../lib/some-of.ts";
import { describeGroup, describeUploader } from "./forget-text.ts";
import { type LedgerAccess, withLedger } from "./ledger-access.ts";

export interface ForgetOptions {
  kind: "uploader" | "group";
  name: string;
  /** Whether nobody is to be asked. */
  yes: boolean;
  /** Asks whoever sits at the terminal; undefined: nobody does. */
  ask: ((question: string) => Promise<boolean>) | undefined;
  print(text: string): Promise<unknown>;
}

/** A member that has ended is out of its group when its session is, and a moment later. */
const graceMs = 5000;
/** How often it is looked whether somebody has come back to a group. */
const lookMs = 2000;

/** Throws an `AgentError` when it is not done. */
export async function forget(config: Config, options: ForgetOptions): Promise<void> {
  const { kind, name } = options;
  await withLedger(config, `there is no ${kind} to forget`, (access) =>
    kind === "uploader"
      ? forgetAnUploader(access, name, options)
      : forgetAGroup(config, access, name, options),
  );
}

async function forgetAnUploader(
  { ledger, log }: LedgerAccess,
  name: string,
  options: ForgetOptions,
): Promise<void> {
  const survey = await surveyUploader(ledger, name);
  if (!survey) throw unknown(ledger.name, "uploader", name);
  await confirm(describeUploader(name, survey), options);
  try {
    const count = await forgetUploader(ledger, name, log);
    await options.print(`uploader ${name} is forgotten; entries taken out of the ledger: ${count}\n`);
  } catch (error) {
    if (!(error instanceof NameTakenError)) throw error;
    throw new AgentError(
      `uploader ${name} is at work on ${error.host}: stop its agent first`,
      "permanent",
      error,
    );
  }
}

async function forgetAGroup(
  config: Config,
  { ledger, client }: LedgerAccess,
  name: string,
  options: ForgetOptions,
): Promise<void> {
  const survey = await surveyGroup(ledger, name);
  if (!survey) throw unknown(ledger.name, "group", name);
  const members = await membersOf(await client(), name);
  await confirm(describeGroup(name, survey, members), options);
  const properties = groupConsumerProperties(config.kafka, config.name, name, undefined);
  const waitMs = Number(properties["session.timeout.ms"]) + graceMs;
  if (members.length > 0)
    await options.print(
      `waiting up to ${waitMs / 1000} s until nobody is in group ${name}: who was killed is in it until then\n`,
    );
  await requireIdle(await client(), name, waitMs);
  // First: the brokers themselves refuse that for a group that somebody is in.
  const isRemoved = await removeGroup(await client(), name);
  let lookedMs = performance.now();
  const count = await forgetGroup(ledger, name, async () => {
    await ledger.look();
    if (performance.now() - lookedMs < lookMs) return;
    await requireIdle(await client(), name, 0);
    lookedMs = performance.now();
  });
  await options.print(`group ${name} is forgotten; entries taken out of the ledger: ${count}\n`);
  if (!isRemoved)
    await options.print(
      `its positions stay in Kafka, as this user lacks DELETE on group ${name}: before it comes back, remove it with kafka-consumer-groups.sh --delete --group ${name}, or it goes on where it was\n`,
    );
}

/** Throws an `AgentError` when somebody is in the group, also after that time. */
async function requireIdle(client: Client, group: string, waitMs: number): Promise<void> {
  const members = await membersAfter(client, group, waitMs);
  if (members.length > 0)
    throw new AgentError(
      `group ${group} is at work: stop its downloaders first (${someOf(members, 3)})`,
      "permanent",
    );
}

/** Says what would be lost. Throws an `AgentError` when nobody says yes to that. */
async function confirm(
  lines: readonly string[],
  { kind, name, yes, ask, print }: ForgetOptions,
): Promise<void> {
  await print(lines.map((line) => `${line}\n`).join(""));
  if (yes) return;
  if (!ask) throw new AgentError("nothing is changed: --yes does it", "permanent");
  if (!(await ask(`Forget ${kind} ${name}? [y/N] `))) throw new AgentError("nothing is changed", "permanent");
}

function unknown(ledger: string, kind: ForgetOptions["kind"], name: string): AgentError {
  return new AgentError(`${ledger} has nothing of ${kind} ${name} to forget`, "permanent");
}
