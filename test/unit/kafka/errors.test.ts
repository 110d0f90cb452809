import { describe, expect, test } from "bun:test";
import { errorTexts } from "../../../agent/kafka/error-texts.ts";
import { codes, explainSecurity, KafkaError, kafkaError } from "../../../agent/kafka/errors.ts";
import { AgentError, ConfigurationError, codeOf } from "../../../agent/lib/errors.ts";

describe("an error of the client or a broker is", () => {
  test.each([
    "authentication",
    "ssl",
    "topicAuthorization",
    "groupAuthorization",
    "clusterAuthorization",
  ] as const)("permanent when it is %s: asking again changes nothing", (name) => {
    expect(kafkaError("connecting", codes[name]).severity).toBe("permanent");
  });

  test.each(["fatal", "fenced", "fencedInstance"] as const)(
    "fatal when it is %s: the client is used up",
    (name) => {
      expect(kafkaError("producing", codes[name]).severity).toBe("fatal");
    },
  );

  test.each([
    "transport",
    "resolve",
    "allBrokersDown",
    "timedOut",
    "queueFull",
    "unknownTopic",
    "messageTooLarge",
  ] as const)("retryable when it is %s", (name) => {
    expect(kafkaError("producing", codes[name]).severity).toBe("retryable");
  });

  test("retryable when nobody knows its code", () => {
    for (const thrown of [12345, new Error("odd"), "odd", undefined, null, {}, { code: "ENOENT" }]) {
      expect(kafkaError("producing", thrown).severity).toBe("retryable");
    }
  });
});

describe("its message", () => {
  test("says what was tried, and the client's reason", () => {
    const error = kafkaError("producing to chunks", { code: 999, message: "Broker: out of coffee" });
    expect(error.message).toBe("producing to chunks: Broker: out of coffee");
    expect(error).toBeInstanceOf(AgentError);
  });

  test("names a missing right and what is needed", () => {
    expect(kafkaError("x", codes.topicAuthorization).message).toContain("READ, WRITE and DESCRIBE");
    const denied = kafkaError("reading", codes.groupAuthorization, "DESCRIBE on group readers");
    expect(denied.message).toBe(
      "reading: the brokers deny this user the group: it needs DESCRIBE on group readers",
    );
  });

  test("is the same for every way in which no broker can be reached, so that a log says it once", () => {
    for (const name of ["transport", "resolve", "allBrokersDown", "timedOut"] as const) {
      expect(kafkaError("connecting", { code: codes[name], message: "detail" }).message).toBe(
        "connecting: no broker can be reached",
      );
    }
  });

  test("has a cure for what a person can cause, and the brokers' own words where they say more", () => {
    expect(kafkaError("producing", 32).message).toMatch(/this device's clock.*set the clock/);
    expect(kafkaError("joining", { code: 26, message: "Broker: Invalid session timeout" }).message).toBe(
      "joining: the brokers allow no session.timeout.ms of this length: set one in kafka.options between their group.min.session.timeout.ms and group.max.session.timeout.ms",
    );
    const policy = kafkaError("making", { code: 44, message: "at most 12 partitions" });
    expect(policy.message).toMatch(/a policy of the brokers.*\(at most 12 partitions\)$/);
    expect(policy.severity).toBe("permanent");
    for (const says of Object.values(errorTexts)) expect(says).not.toContain("\n");
  });

  test("is never empty", () => {
    expect(kafkaError("producing", undefined).message).toBe("producing: error -199");
    expect(kafkaError("producing", -7).message).toBe("producing: error -7");
  });
});

test("what was thrown stays the cause, and an error of ours is not wrapped again", () => {
  const thrown = { code: codes.transport, message: "Local: Broker transport failure" };
  const error = kafkaError("connecting", thrown);
  expect(error.cause).toBe(thrown);
  expect(kafkaError("reading", error)).toBe(error);
});

test("too large, between two generations and unknown topic are each told by several codes", () => {
  const are = (property: "tooLarge" | "rebalancing" | "unknownTopic") =>
    Object.values(codes).filter((code) => new KafkaError("x", code, "y")[property]);
  expect(are("tooLarge")).toEqual([codes.messageTooLarge, codes.batchTooLarge]);
  expect(are("rebalancing")).toEqual([codes.illegalGeneration, codes.rebalanceInProgress]);
  expect(are("unknownTopic").toSorted((a, b) => a - b)).toEqual([-190, -188, 3]);
});

describe("a failed login or TLS handshake is explained from the client's log", () => {
  test.each<[string, number, string]>([
    [
      "sasl_ssl://localhost:9092/bootstrap: SASL authentication error: Authentication failed: Invalid username or password (after 312ms in state AUTH_REQ)",
      codes.authentication,
      "password",
    ],
    [
      "sasl_plaintext://localhost:9092/1: SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-256",
      codes.authentication,
      "kafka.sasl.mechanism",
    ],
    [
      "sasl_ssl://localhost:9092/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA certificates are installed (add broker's CA certificate to the Windows Root certificate store, or install ca-certificates package) (after 12ms in state SSL_HANDSHAKE)",
      codes.ssl,
      "kafka.tls.ca",
    ],
    [
      "ssl://127.0.0.2:9092/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: IP address mismatch (after 9ms in state SSL_HANDSHAKE)",
      codes.ssl,
      "host name",
    ],
    [
      "ssl://example.test:9092/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: Hostname mismatch",
      codes.ssl,
      "host name",
    ],
    [
      "ssl://localhost:9092/bootstrap: SSL handshake failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116",
      codes.ssl,
      "kafka.tls.cert",
    ],
    [
      "ssl://localhost:9092/bootstrap: SSL handshake failed: error:0A00010B:SSL routines::wrong version number: (after 1ms in state SSL_HANDSHAKE)",
      codes.ssl,
      "kafka.tls.enabled",
    ],
  ])("%s", (line, code, advice) => {
    const found = explainSecurity(line);
    expect(found?.code).toBe(code);
    expect(found?.reason).toContain(advice);
    expect(found?.reason).not.toContain("\n");
  });

  test.each([
    "sasl_ssl://localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
    "localhost:9092/1: Disconnected (after 3000ms in state UP)",
    "GroupCoordinator: SASL authentication error: SaslAuthenticateRequest failed: Local: Broker transport failure (after 0ms in state DOWN)",
    "sasl_ssl://localhost:9092/1: SASL authentication error: SaslAuthenticateRequest failed: Local: Timed out (after 9000ms in state AUTH_REQ)",
    "sasl_ssl://localhost:9092/1: SASL PLAIN mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: ",
    "GroupCoordinator: Timed out FindCoordinatorRequest in flight",
    "sasl_ssl://localhost:9092/1: Fetch of sasl.files [0] failed: Broker: Topic authorization failed",
    "Fatal error: Broker: Cluster authorization failed: Failed to acquire idempotence PID from broker sasl_ssl://localhost:9092/1: Broker: Cluster authorization failed",
    "",
  ])("and an outage or a missing right is none: %p", (line) => {
    expect(explainSecurity(line)).toBeUndefined();
  });
});

test("an error says what was tried and why it failed, together and apart, and what it is by its code", () => {
  const error = new KafkaError(
    "connecting to Kafka",
    codes.unreachable,
    "no broker can be reached: a:1 (no such host)",
  );
  expect(error.message).toBe("connecting to Kafka: no broker can be reached: a:1 (no such host)");
  expect(error.reason).toBe("no broker can be reached: a:1 (no such host)");
  expect([error.code, error.severity, error.unanswered]).toEqual([codes.unreachable, "retryable", true]);
  // Only the system's codes are the system's.
  expect([codeOf(error), codeOf(new ConfigurationError("wrong"))]).toEqual([undefined, undefined]);
  expect(codeOf(Object.assign(new Error("gone"), { code: "ENOENT" }))).toBe("ENOENT");
});
