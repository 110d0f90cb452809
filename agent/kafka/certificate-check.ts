/**
 * Why a TLS handshake failed, found out by one of our own, without any data. OpenSSL tells the client no more than
 * "certificate verify failed", for an unknown authority and for a wrong host name alike, and a client without TLS no
 * more than that the broker hung up.
 */
import { readFile } from "node:fs/promises";
import { type ConnectionOptions, connect } from "node:tls";
import { hostAndPort } from "./address.ts";

const handshakeMs = 5000;

/** Whether the certificate is good but for another host. false also when that can't be found out. */
export async function isForAnotherHost(broker: string, caFile: string | undefined): Promise<boolean> {
  const ca = caFile === undefined ? undefined : await readFile(caFile).catch(() => undefined);
  return (await shakeHands(broker, ca ? { ca } : {})).checkedName;
}

/** Whether the broker's port speaks TLS, whatever its certificate. */
export async function speaksTls(broker: string): Promise<boolean> {
  return (await shakeHands(broker, { rejectUnauthorized: false })).secured;
}

function shakeHands(
  broker: string,
  options: ConnectionOptions,
): Promise<{ checkedName: boolean; secured: boolean }> {
  const { host, port } = hostAndPort(broker);
  const result = { checkedName: false, secured: false };
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      ...options,
      // Only called for a chain that is good.
      checkServerIdentity: () => {
        result.checkedName = true;
        return undefined;
      },
    });
    const end = () => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(handshakeMs, end);
    socket.once("secureConnect", () => {
      result.secured = true;
      end();
    });
    socket.once("error", end);
  });
}
