/** Can the brokers be reached, over TLS and with the login that are configured? */
import type { Config, KafkaConfig } from "../config/config.ts";
import { connectAdmin } from "../kafka/admin.ts";
import type { Client } from "../kafka/connection/client.ts";
import { advertised } from "../kafka/connection/client-watch.ts";
import { knockAtAll, listProblems } from "../kafka/connection/knock.ts";
import { codes, KafkaError } from "../kafka/errors.ts";
import type { BrokerAddress } from "../kafka/topics/inspect.ts";
import type { Log } from "../observe/log.ts";
import { examineCertificates } from "./certificates.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import type { Patience } from "./patience.ts";

/** For the handshakes and the login. */
const loginMs = 6000;

/** Findings on the way, and the connected client, unless that failed. */
export async function* reachBrokers(
  config: Config,
  log: Log,
  patience: Patience,
): AsyncGenerator<Finding, Client | undefined> {
  const { kafka, name: agentName } = config;
  const problems = await knockAtAll(kafka.brokers);
  const said = listProblems(problems);
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
    const client = await patience.wait(connectAdmin({ kafka, agentName, log }), loginMs);
    if (!client) throw new KafkaError("connecting to Kafka", codes.timedOut, "no answer");
    yield* describeSecurity(kafka);
    if (kafka.tls) yield* (await patience.wait(examineCertificates(kafka.brokers[0] ?? "", kafka.tls))) ?? [];
    return client;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    yield explainFailure(error);
    return undefined;
  }
}

/** Every broker has to be reached from here, by the address that the brokers themselves give out. `all`: none can be. */
export async function knockAtCluster(
  brokers: readonly BrokerAddress[],
): Promise<{ findings: Finding[]; all: boolean }> {
  const problems = await knockAtAll(brokers.map(({ address }) => address));
  const said = brokers
    .map(({ address }) => address)
    .slice(0, 10)
    .join(", ");
  if (problems.size === 0)
    return { findings: [ok("brokers", `${brokers.length} reached (${said})`)], all: false };
  const findings = brokers.flatMap(({ id, address }) => {
    const problem = problems.get(address);
    return problem === undefined ? [] : [brokerFailure(advertised(id, address, problem))];
  });
  return { findings, all: problems.size === brokers.length };
}

export function brokerFailure(reason: string): Finding {
  const { what, fix } = withFix(reason, "check kafka.brokers, that they run, and the firewall");
  return fail("brokers", what, fix);
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
  if (!sasl) return;
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
  const { reason } = error;
  if (error.code === codes.authentication) {
    const { what, fix } = withFix(reason, "set kafka.sasl.mechanism to one of theirs");
    return fail("login", what, fix);
  }
  if (error.code === codes.ssl) {
    const { what, fix } = withFix(reason, "check kafka.brokers, kafka.tls and kafka.sasl");
    return fail("TLS", what, fix);
  }
  if (error.code === codes.unreachable) return brokerFailure(reason);
  return fail(
    "brokers",
    "they can be reached, but answer nothing that this agent understands",
    "check that it is Kafka, the port, and whether it wants TLS (kafka.tls) or a login (kafka.sasl)",
  );
}

/** A reason of the agent ends with what to do. */
function withFix(reason: string, otherwise: string): { what: string; fix: string } {
  const [, what = reason, fix = otherwise] =
    /^(.*?): ((?:check|set|renew|start|correct) .*)$/.exec(reason) ?? [];
  return { what, fix };
}
