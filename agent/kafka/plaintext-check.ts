/**
 * Whether a port speaks Kafka without TLS. A broker that is greeted in TLS there may just hang up, as one that is about to
 * stop does.
 */
import { connect } from "node:net";
import { hostAndPort } from "./address.ts";

const answerMs = 5000;
const correlation = 1;
/** ApiVersions, version 0: the one request that needs no login. Size, key, version, correlation, no client id (https://kafka.apache.org/protocol). */
const question = Buffer.from("0000000a0012000000000001ffff", "hex");

/** Asks a broker, `host:port`, which requests it knows. false also when that can't be found out. */
export function speaksPlaintext(broker: string): Promise<boolean> {
  const { host, port } = hostAndPort(broker);
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    const socket = connect(port, host);
    const end = (speaks: boolean) => {
      socket.destroy();
      resolve(speaks);
    };
    socket.setTimeout(answerMs, () => end(false));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
    socket.once("connect", () => socket.write(question));
    socket.on("data", (bytes: Buffer) => {
      answer = Buffer.concat([answer, bytes]);
      // Size and correlation.
      if (answer.length >= 8) end(answer.readInt32BE(4) === correlation);
    });
  });
}
