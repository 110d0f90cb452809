/** The ledger for a command that works on it by itself: no agent has to run, and nobody waits for brokers for ever. */
import type { CommonConfig } from "../config/config.ts";
import type { Client } from "../kafka/connection/client.ts";
import type { ClientOptions } from "../kafka/connection/connect.ts";
import { KafkaError } from "../kafka/errors.ts";
import { RecordProducer } from "../kafka/producer.ts";
import { describeTopic, type Topic } from "../kafka/topics/topics.ts";
import { requireLayout } from "../ledger/layout.ts";
import { Ledger } from "../ledger/ledger.ts";
import { RecreatedError } from "../ledger/recreated-error.ts";
import { Effects } from "../lib/effects.ts";
import { AgentError } from "../lib/errors.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import { Log } from "../observe/log.ts";

export interface LedgerAccess {
  ledger: Ledger;
  log: Log;
  client(): Promise<Client>;
}

/** Without any broker for so long a command ends. */
const patienceMs = 30_000;
const watchMs = 1000;
/** How often it is looked whether the ledger is still the same one. */
const lookMs = 5000;

/**
 * Does the work with the ledger. Throws an `AgentError` when there is none, when its partitions are not those it was begun with, when
 * no broker can be reached for half a minute, or when the ledger becomes another one meanwhile, and what the work throws.
 *
 * @param missing what a missing ledger means here
 */
export async function withLedger<Result>(
  config: CommonConfig,
  missing: string,
  work: (access: LedgerAccess) => Promise<Result>,
): Promise<Result> {
  const { kafka, name: agentName } = config;
  // Standard output is for the result; what the client logs is of no interest unless it fails.
  const log = new Log({ level: "error", format: config.log.format, agent: agentName });
  const away = new AbortController();
  const { signal } = away;
  const options = { kafka, agentName, log };
  const producer = await openProducer(options, away);
  const client = () => producer.client();
  try {
    const topic = await describeTopic(await client(), kafka.ledger);
    if (!topic) throw new AgentError(`topic ${kafka.ledger} is missing: ${missing}`, "permanent");
    const same = new SameTopic(topic, client);
    const giveUp = (error: unknown) => error instanceof RecreatedError || isPermanent(error);
    const ledger = new Ledger({ ...options, producer, topic: same, signal }, giveUp);
    const watch = watchOver(producer, same, kafka.brokers);
    const onLedger = async () => {
      // With another number nothing is found where it is looked for.
      await requireLayout(ledger);
      return work({ ledger, log, client });
    };
    try {
      return await Promise.race([onLedger(), watch.failure]);
    } finally {
      watch.end();
    }
  } finally {
    away.abort();
    await producer.close(producer.isConnected ? config.shutdownTimeoutMs : 0);
  }
}

async function openProducer(options: ClientOptions, away: AbortController): Promise<RecordProducer> {
  const { signal } = away;
  const { log } = options;
  const patience = setTimeout(() => away.abort(), patienceMs);
  const giveUp = (error: unknown) => !(error instanceof KafkaError && error.unanswered);
  try {
    return await retry({ what: "connecting to Kafka", signal, log, giveUp }, () =>
      RecordProducer.open({ ...options, effects: new Effects(), signal }),
    );
  } finally {
    clearTimeout(patience);
  }
}

/** Beside the work, which waits for brokers without end, and would read on in another ledger without noticing. */
function watchOver(
  producer: RecordProducer,
  topic: SameTopic,
  brokers: readonly string[],
): { failure: Promise<never>; end(): void } {
  const { promise: failure, reject } = Promise.withResolvers<never>();
  let connectedMs = performance.now();
  let lookedMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (producer.isConnected) connectedMs = nowMs;
    else if (nowMs - connectedMs >= patienceMs)
      reject(new AgentError(`no broker could be reached for 30 s (${brokers.join(", ")})`, "retryable"));
    if (!producer.isConnected || nowMs - lookedMs < lookMs) return;
    lookedMs = nowMs;
    topic.look().catch((error: unknown) => error instanceof RecreatedError && reject(error));
  }, watchMs);
  return { failure, end: () => clearInterval(timer) };
}

/** The topic as it was when the work began. Whoever looks at it throws a `RecreatedError` when it is another one, or none. */
class SameTopic {
  readonly value: Topic;
  readonly #client: () => Promise<Client>;

  constructor(value: Topic, client: () => Promise<Client>) {
    this.value = value;
    this.#client = client;
  }

  async look(): Promise<void> {
    const { name, id } = this.value;
    const found = await describeTopic(await this.#client(), name);
    if (found?.id !== id) throw new RecreatedError(`looking at topic ${name}`);
  }

  refreshSince(): Promise<void> {
    return this.look();
  }
}
