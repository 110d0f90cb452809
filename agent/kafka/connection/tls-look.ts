/**
 * Why a TLS handshake failed, found out by one of our own, without any data. The client says no more than "certificate verify
 * failed", for an unknown authority, a wrong host name and an expired certificate alike; here the other side's certificate and
 * its alert can be seen.
 */
import { existsSync, readFileSync } from "node:fs";
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { certificatesOf } from "../../config/tls-files.ts";
import { hostAndPort } from "../../lib/address.ts";
import { deviceNowMs } from "../../lib/clock.ts";
import { codeOf } from "../../lib/errors.ts";

/** How a client speaks TLS, by its properties. */
export interface TlsProperties {
  /** undefined: the system's. */
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  keyPassword: string | undefined;
  ciphers: string | undefined;
  verifyHostname: boolean;
}

const handshakeMs = 5000;
/** TLS 1.3 is through before the other side has looked at our certificate: its refusal comes a moment later. */
const refusalMs = 500;
const refused = "the brokers refused the TLS handshake";

/** Where systems keep their authorities. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Whether the broker's port speaks TLS, whatever its certificate. */
export async function speaksTls(broker: string): Promise<boolean> {
  return (await shakeHands(broker, {}, false)).secured;
}

/** Until when the broker's own certificate is good; undefined: it can't be seen. */
export async function validUntil(broker: string): Promise<Date | undefined> {
  const [own] = (await shakeHands(broker, {}, false)).chain;
  return own && new Date(own.valid_to);
}

/**
 * Why a client with these properties gets no further at `host:port`, and what to do; undefined: nothing is wrong, or it can't be
 * found out. @param now by this device's clock
 */
export async function explainHandshake(
  broker: string,
  tls: TlsProperties,
  now = new Date(deviceNowMs()),
): Promise<string | undefined> {
  const seen = await shakeHands(broker, ownOptions(tls), true);
  if (seen.alert !== undefined) return explainAlert(seen.alert, tls, now);
  if (!seen.secured) return undefined;
  if (seen.problem !== undefined) return explainCertificate(broker, seen, tls, now);
  if (tls.ciphers !== undefined) return `${refused}: no cipher is known to both: check kafka.tls.ciphers`;
  return undefined;
}

interface Seen {
  secured: boolean;
  /** What is wrong with the other side's certificate, as OpenSSL names it. */
  problem: string | undefined;
  /** Its own first, then who signed it. */
  chain: DetailedPeerCertificate[];
  /** The other side's refusal, as OpenSSL names it. */
  alert: string | undefined;
}

function shakeHands(broker: string, options: ConnectionOptions, waitForRefusal: boolean): Promise<Seen> {
  const { host, port } = hostAndPort(broker);
  const seen: Seen = { secured: false, problem: undefined, chain: [], alert: undefined };
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(seen);
    };
    const timer = setTimeout(end, handshakeMs);
    const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    const socket: TLSSocket = connect({ host, port, ...servername, ...options, rejectUnauthorized: false });
    socket.once("secureConnect", () => {
      seen.secured = true;
      seen.problem = problemOf(socket);
      seen.chain = chainOf(socket.getPeerCertificate(true));
      if (waitForRefusal && seen.problem === undefined) setTimeout(end, refusalMs);
      else end();
    });
    socket.once("error", (error) => {
      const code = codeOf(error) ?? "";
      if (code.includes("_ALERT_")) seen.alert = code;
      end();
    });
    socket.once("close", end);
  });
}

function problemOf(socket: TLSSocket): string | undefined {
  const error: unknown = socket.authorizationError;
  if (error === null || error === undefined) return undefined;
  return codeOf(error) ?? String(error);
}

/** Up to the authority, which names itself as its own. */
function chainOf(first: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (let one: DetailedPeerCertificate | undefined = first; one?.valid_to; one = one.issuerCertificate) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === one?.fingerprint256)) break;
    chain.push(one);
  }
  return chain;
}

function ownOptions({ ca, cert, key, keyPassword }: TlsProperties): ConnectionOptions {
  const authorities = ca ?? systemBundles.find((path) => existsSync(path));
  try {
    return {
      ...(authorities === undefined ? {} : { ca: readFileSync(authorities) }),
      ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
      ...(key === undefined ? {} : { key: readFileSync(key) }),
      ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
    };
  } catch {
    // A file went away, or is a folder of authorities: then without them.
    return {};
  }
}

function explainCertificate(broker: string, seen: Seen, tls: TlsProperties, now: Date): string | undefined {
  const { problem, chain } = seen;
  const [own] = chain;
  if (problem === "ERR_TLS_CERT_ALTNAME_INVALID") {
    if (!tls.verifyHostname) return undefined;
    const names = own?.subjectaltname || own?.subject?.CN || "nobody";
    const { host } = hostAndPort(broker);
    return `the brokers' certificate is for another host name: for ${names}, not for ${host}: check kafka.brokers and advertised.listeners (or kafka.tls.verify_hostname)`;
  }
  // The day is enough: what is said again and again with another time is logged each time.
  const clock = `this device's clock says ${now.toISOString().slice(0, 10)}`;
  const late = chain.find((one) => Date.parse(one.valid_to) < now.getTime());
  if (problem === "CERT_HAS_EXPIRED" && late) {
    return `${whose(late, own, broker)} expired on ${date(late.valid_to)} (${clock}): renew it`;
  }
  const early = chain.find((one) => Date.parse(one.valid_from) > now.getTime());
  if (problem === "CERT_NOT_YET_VALID" && early) {
    return `${whose(early, own, broker)} is not valid before ${date(early.valid_from)}, and ${clock}: set the clock, or renew the certificate`;
  }
  const signer = own?.issuer?.CN ?? own?.issuer?.O;
  return `the brokers' certificate is not signed by a known authority${signer ? ` (${broker} has one of "${signer}")` : ""}: check kafka.tls.ca`;
}

function whose(
  one: DetailedPeerCertificate,
  own: DetailedPeerCertificate | undefined,
  broker: string,
): string {
  return one === own
    ? `the certificate of ${broker}`
    : `the certificate of the authority "${one.subject?.CN}", which ${broker} goes by,`;
}

function explainAlert(alert: string, { cert }: TlsProperties, now: Date): string {
  if (/PROTOCOL_VERSION/.test(alert))
    return `${refused}: they speak neither TLS 1.2 nor 1.3: check ssl.enabled.protocols of the brokers`;
  if (cert === undefined)
    return /CERTIFICATE/.test(alert)
      ? `${refused}: they want a client certificate: set kafka.tls.cert and kafka.tls.key`
      : `${refused}: they want a client certificate, or know none of this agent's ciphers: check kafka.tls.cert, kafka.tls.key and kafka.tls.ciphers`;
  const [own] = ownCertificate(cert);
  if (own && own.validToDate < now)
    return `${refused}: this agent's certificate expired on ${date(own.validTo)}: renew kafka.tls.cert (${cert})`;
  if (own && own.validFromDate > now)
    return `${refused}: this agent's certificate is not valid before ${date(own.validFrom)}, by this device's clock: set the clock, or renew kafka.tls.cert (${cert})`;
  if (/EXPIRED/.test(alert))
    return `${refused}: by their clocks this agent's certificate has expired: check theirs, or renew kafka.tls.cert (${cert})`;
  if (/REVOKED/.test(alert))
    return `${refused}: this agent's certificate was revoked: renew kafka.tls.cert (${cert})`;
  const unknown = /UNKNOWN_CA/.test(alert) ? "they do not know who signed" : "they do not take";
  return `${refused}: ${unknown} this agent's certificate (${cert}): check kafka.tls.cert and kafka.tls.key`;
}

function ownCertificate(path: string) {
  try {
    return certificatesOf(path);
  } catch {
    return [];
  }
}

function date(text: string): string {
  return new Date(text).toISOString().replace(".000Z", "Z");
}
