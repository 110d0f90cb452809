/**
 * What a port speaks, asked in the Kafka protocol itself (https://kafka.apache.org/protocol), as the client can't tell: a broker
 * that is greeted in TLS where it speaks none may just hang up, as one that is about to stop does; and so does one that wants a
 * login, or wants none.
 */
import { connect } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { hostAndPort } from "../../lib/address.ts";

const answerMs = 5000;
/** On a slow link that is full already. */
const slowAnswerMs = 25_000;
const correlation = 1;
/** ApiVersions, version 0: the one request that needs no login. Size, key, version, correlation, no client id. */
const apiVersions = Buffer.from("0000000a0012000000000001ffff", "hex");
/** SaslHandshake, version 1, for PLAIN: key 17. A port with logins says which it offers; one without refuses it. */
const saslHandshake = Buffer.from("000000110011000100000001ffff0005504c41494e", "hex");
const illegalSaslState = 34;

/** Whether a broker, `host:port`, answers without TLS. false also when that can't be found out. */
export async function speaksPlaintext(broker: string): Promise<boolean> {
  return (await ask(broker, false, apiVersions)) !== undefined;
}

/**
 * Whether a broker, `host:port`, answers at all. A connection of its own, as another one can have a megabyte on its way that takes
 * a minute.
 */
export async function answersAtAll(broker: string, isTls: boolean): Promise<boolean> {
  return (await ask(broker, isTls, apiVersions, slowAnswerMs)) !== undefined;
}

/**
 * The mechanisms of login that a broker, `host:port`, offers, in Kafka's spelling; "none": it wants no login there; undefined:
 * that can't be found out.
 */
export async function offeredMechanisms(
  broker: string,
  isTls: boolean,
): Promise<string[] | "none" | undefined> {
  const answer = await ask(broker, isTls, saslHandshake);
  if (answer === undefined || answer.length < 10) return undefined;
  const error = answer.readInt16BE(8);
  if (error === illegalSaslState) return "none";
  const offered: string[] = [];
  let at = 14;
  for (let left = answer.readInt32BE(10); left > 0 && at + 2 <= answer.length; left--) {
    const length = answer.readInt16BE(at);
    offered.push(answer.toString("utf8", at + 2, at + 2 + length));
    at += 2 + length;
  }
  return offered;
}

/**
 * The whole answer, from its size on; empty: it hung up after the TLS handshake, as a broker does that wants a certificate of ours.
 * Nobody's secret is told here, and what is wrong with a certificate is said elsewhere.
 */
function ask(
  broker: string,
  isTls: boolean,
  request: Buffer,
  patienceMs = answerMs,
): Promise<Buffer | undefined> {
  const { host, port } = hostAndPort(broker);
  const socket = isTls ? connectSecurely({ host, port, rejectUnauthorized: false }) : connect(port, host);
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    const end = (result?: Buffer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(end, patienceMs);
    const hangUp = () => end(isGreeted ? answer : undefined);
    let isGreeted = false;
    socket.once("error", hangUp);
    socket.once("close", hangUp);
    socket.once(isTls ? "secureConnect" : "connect", () => {
      isGreeted = isTls;
      socket.write(request);
    });
    socket.on("data", (bytes: Buffer) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.length < 8) return;
      if (answer.readInt32BE(4) !== correlation || answer.readInt32BE(0) > 65_536) end();
      else if (answer.length >= 4 + answer.readInt32BE(0)) end(answer);
    });
  });
}
