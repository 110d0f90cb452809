/** Can the brokers be reached, over TLS and with the login that are configured? */
import { connect } from "node:net";
import type { Config, KafkaConfig } from "../config/config.ts";
import { hostAndPort } from "../kafka/address.ts";
import { codes, KafkaError } from "../kafka/errors.ts";
import { RecordProducer } from "../kafka/producer.ts";
import { Effects } from "../lib/effects.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import { pause } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** For one connection; a link that takes longer can't be worked with either. */
const knockMs = 4000;
/** For the handshakes and the login. */
const loginMs = 6000;

/** Findings on the way, and the connected producer, unless that failed. */
export async function* reachBrokers(
  config: Config,
  log: Log,
  signal: AbortSignal,
): AsyncGenerator<Finding, RecordProducer | undefined> {
  const { kafka } = config;
  const problems = await knockAtAll(kafka.brokers);
  const said = [...problems].map(([address, problem]) => `${address} (${problem})`).join(", ");
  if (problems.size === kafka.brokers.length) {
    yield fail(
      "brokers",
      `none can be reached: ${said}`,
      "check kafka.brokers, that they run, and the firewall",
    );
    return undefined;
  }
  if (problems.size > 0) {
    yield warn("brokers", `not all of kafka.brokers can be reached: ${said}`, "start them, or take them out");
  }
  try {
    const producer = await openProducer(config, log, signal);
    yield* describeSecurity(kafka);
    return producer;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    yield explainFailure(error);
    return undefined;
  }
}

/** Every broker has to be reached from here, by the address that the brokers themselves give out. */
export async function knockAtCluster(addresses: readonly string[]): Promise<Finding> {
  const problems = await knockAtAll(addresses);
  if (problems.size === 0)
    return ok("brokers", `${addresses.length} reached (${addresses.slice(0, 10).join(", ")})`);
  const said = [...problems].map(([address, problem]) => `${address} (${problem})`).join(", ");
  return fail(
    "brokers",
    `the cluster gives out addresses that can't be reached from here: ${said}`,
    "check advertised.listeners of these brokers, name resolution and the firewall",
  );
}

/** The addresses that do not answer, and why. */
async function knockAtAll(addresses: readonly string[]): Promise<Map<string, string>> {
  const answers = await Promise.all(
    addresses.map(async (address) => [address, await knock(address)] as const),
  );
  return new Map(
    answers.flatMap(([address, problem]) => (problem === undefined ? [] : [[address, problem]])),
  );
}

function knock(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(hostAndPort(address));
    const end = (problem?: string) => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(knockMs, () => end(`no answer within ${knockMs / 1000} s`));
    socket.once("connect", () => end());
    socket.once("error", (error) => end(reasons[codeOf(error) ?? ""] ?? messageOf(error)));
  });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "no way to this host",
  ENETUNREACH: "no way to this network",
  ETIMEDOUT: "no answer",
};

async function openProducer(config: Config, log: Log, signal: AbortSignal): Promise<RecordProducer> {
  const { kafka, name: agentName } = config;
  const opening = RecordProducer.open({
    kafka,
    agentName,
    queueBytes: 1 << 20,
    compression: "none",
    effects: new Effects(),
    log,
    signal,
  });
  const late = pause(loginMs).then(() => {
    throw new KafkaError("connecting to Kafka", codes.timedOut, "no answer");
  });
  // The one that loses has nobody to tell.
  late.catch(() => undefined);
  opening.catch(() => undefined);
  return Promise.race([opening, late]);
}

function* describeSecurity(kafka: KafkaConfig): Generator<Finding> {
  const { tls, sasl } = kafka;
  if (tls) {
    const authority = tls.ca === undefined ? "by the system's authorities" : `by ${tls.ca}`;
    const own = tls.cert === undefined ? "" : `; own certificate ${tls.cert}`;
    yield tls.verifyHostname
      ? ok("TLS", `the brokers' certificates are good ${authority}${own}`)
      : warn(
          "TLS",
          "kafka.tls.verify_hostname is false: anybody with a certificate of the authority can pose as a broker",
          "use the names in the certificates, and set it to true",
        );
  }
  if (!sasl || !("username" in sasl)) return;
  const said = `${sasl.mechanism} as ${sasl.username}`;
  yield sasl.mechanism === "plain" && !tls
    ? warn(
        "login",
        `${said}: the password crosses the network as it is`,
        "set kafka.tls.enabled, or use SCRAM",
      )
    : ok("login", said);
}

function explainFailure(error: KafkaError): Finding {
  const reason = error.message.replace(/^connecting to Kafka: /, "");
  const [, what = reason, advice = "check kafka.brokers, kafka.tls and kafka.sasl"] =
    /^(.*): (check .*)$/.exec(reason) ?? [];
  if (error.code === codes.authentication) {
    return fail("login", what, advice === reason ? "set kafka.sasl.mechanism to one of theirs" : advice);
  }
  if (error.code === codes.ssl) return fail("TLS", what, advice);
  return fail(
    "brokers",
    "they can be reached, but answer nothing that this agent understands",
    "check that it is Kafka, the port, and whether it wants TLS (kafka.tls) or a login (kafka.sasl)",
  );
}
