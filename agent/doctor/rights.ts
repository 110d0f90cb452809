/** Has this user the rights that the role needs? As the brokers say; nothing is written or joined to find out. */
import type { Config, KafkaConfig } from "../config/config.ts";
import type { GroupMember, Operation } from "../kafka/topics/inspect.ts";
import { type Finding, fail, ok, untried, warn } from "./finding.ts";
import { giveRights } from "./fixes.ts";

export interface Needed {
  resource: "topic" | "group";
  name: string;
  /** Without these the role can't work. */
  operations: readonly Operation[];
  /** Without these it works, and knows less. */
  better: readonly Operation[];
}

/** The topic that a downloader tells of arrivals in, if it has one. */
export function eventsTopicOf(config: Config): string[] {
  return config.role === "downloader" && config.downloader.eventsTopic !== undefined
    ? [config.downloader.eventsTopic]
    : [];
}

/** What docs/security.md says that the role needs. */
export function neededRights(config: Config): Needed[] {
  const { kafka, role } = config;
  const chunks: Operation = role === "uploader" ? "WRITE" : "READ";
  const better = ["DESCRIBE_CONFIGS"] as const;
  const needed: Needed[] = [
    { resource: "topic", name: kafka.topic, operations: [chunks], better },
    { resource: "topic", name: kafka.ledger, operations: ["READ", "WRITE"], better },
  ];
  for (const name of eventsTopicOf(config))
    needed.push({ resource: "topic", name, operations: ["WRITE"], better: [] });
  if (role === "downloader") {
    needed.push({ resource: "group", name: config.downloader.group, operations: ["READ"], better: [] });
  }
  return needed;
}

/** @param given what the brokers say that the user may do; undefined where they do not say */
export function judgeRights(
  kafka: KafkaConfig,
  needed: Needed,
  given: ReadonlySet<Operation> | undefined,
): Finding[] {
  const { resource, name, operations, better } = needed;
  const subject = `rights on ${resource} ${name}`;
  if (!given) return [untried(subject, "the brokers do not say what this user may do")];
  const denied = (wanted: readonly Operation[]) => wanted.filter((operation) => !given.has(operation));
  const [missing, missed] = [denied(operations), denied(better)];
  if (missing.length + missed.length === 0) return [ok(subject, [...operations, ...better].join(", "))];
  const text = `${[...missing, ...missed].join(", ")} denied to this user`;
  const fix = giveRights(kafka, resource, name, [...missing, ...missed]);
  return [missing.length > 0 ? fail(subject, text, fix) : warn(subject, text, fix)];
}

/** A group is shared by the downloaders of one topic; another pipeline in it holds both up at each rebalance. */
export function judgeMembers(
  { topic }: KafkaConfig,
  group: string,
  members: readonly GroupMember[],
): Finding[] {
  const strangers = members.filter(({ topics }) => topics.length > 0 && !topics.includes(topic));
  if (strangers.length === 0) return [];
  const said = strangers
    .slice(0, 5)
    .map(({ clientId, host, topics }) => `${clientId} on ${host} reads ${topics.slice(0, 3).join(", ")}`);
  const text = `has members of another pipeline (${said.join("; ")})`;
  return [warn(`group ${group}`, text, "give each pipeline a group of its own: set downloader.group")];
}

/** @param settings of a broker; those that it does not tell are taken for right */
export function judgeSession(
  group: string,
  sessionMs: number,
  settings: ReadonlyMap<string, string>,
): Finding[] {
  const least = Number(settings.get("group.min.session.timeout.ms") ?? 0);
  const most = Number(settings.get("group.max.session.timeout.ms") ?? Number.POSITIVE_INFINITY);
  if (sessionMs >= least && sessionMs <= most) return [];
  const text = `the brokers allow a session.timeout.ms from ${least} to ${most}, not ${sessionMs}: it could not be joined`;
  const fix = `set kafka.options: { session.timeout.ms: ${sessionMs < least ? least : most} }`;
  return [fail(`group ${group}`, text, fix)];
}
