/**
 * Why a broker's certificate was refused. OpenSSL tells the client no more than "certificate verify failed", for an
 * unknown authority and for a wrong host name alike; a handshake of our own, without any data, tells them apart.
 */
import { readFile } from "node:fs/promises";
import { connect } from "node:tls";

const handshakeMs = 5000;

/** Whether the certificate is good but for another host. false also when that can't be found out. */
export async function isForAnotherHost(broker: string, caFile: string | undefined): Promise<boolean> {
  const colon = broker.lastIndexOf(":");
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, "");
  const ca = caFile === undefined ? undefined : await readFile(caFile).catch(() => undefined);
  let checkedName = false;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(broker.slice(colon + 1)),
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      ...(ca ? { ca } : {}),
      // Only called for a chain that is good.
      checkServerIdentity: () => {
        checkedName = true;
        return undefined;
      },
    });
    const end = () => {
      socket.destroy();
      resolve(checkedName);
    };
    socket.setTimeout(handshakeMs, end);
    socket.once("secureConnect", end);
    socket.once("error", end);
  });
}
