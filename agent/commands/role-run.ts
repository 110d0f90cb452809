/** What both roles work with, once the agent is connected. */
import type { Config } from "../config/config.ts";
import type { RecordProducer } from "../kafka/producer.ts";
import type { FollowedTopics } from "../kafka/topics/followed-topics.ts";
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
  followed: FollowedTopics;
  ledger: Ledger;
  /** The same, for who looks for files in it: what is skipped then is not counted once more. */
  searched: Ledger;
}

export interface RoleRun<Role> {
  config: Config;
  role: Role;
  once: boolean;
  connected: Connected;
  effects: Effects;
  reporting: Reporting;
  /** To be called once it is known what the ledger says. */
  ready(): void;
  /** Of the start: what is waited for until it works, and what ends that. */
  attempt: RetryOptions & { giveUp: (error: unknown) => boolean };
}
