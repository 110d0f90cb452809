/** What both roles work with, once the agent is connected. */
import type { Config } from "../config/config.ts";
import type { RecordProducer } from "../kafka/producer.ts";
import type { CurrentTopic } from "../kafka/topics/current-topic.ts";
import type { Topics } from "../kafka/topics/topics.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Effects } from "../lib/effects.ts";
import type { RetryOptions } from "../lib/retry.ts";
import type { Reporting } from "../observe/reporting.ts";

export interface Connected {
  producer: RecordProducer;
  /** As they were at the start. */
  topics: Topics;
  /** As they are now. */
  followed: Record<keyof Topics, CurrentTopic>;
  ledger: Ledger;
}

export interface RoleRun<Role> {
  config: Config;
  role: Role;
  once: boolean;
  connected: Connected;
  effects: Effects;
  reporting: Reporting;
  /** Of the start: what is waited for until it works, and what ends that. */
  attempt: RetryOptions & { giveUp: (error: unknown) => boolean };
}
