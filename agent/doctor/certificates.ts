/** How long the certificates that are in use are good for: one that expires stops every agent at once. */
import type { TlsConfig } from "../config/config.ts";
import { certificatesOf } from "../config/tls-files.ts";
import { validUntil } from "../kafka/connection/tls-look.ts";
import { deviceNowMs } from "../lib/clock.ts";
import { about } from "./amounts.ts";
import { type Finding, ok, warn } from "./finding.ts";

/** Long enough to have a new one made. */
const soonMs = 14 * 86_400_000;

/** Of the first broker, and of this agent's own, if it has one. */
export async function examineCertificates(broker: string, tls: TlsConfig): Promise<Finding[]> {
  const [own] = tls.cert === undefined ? [] : certificatesOf(tls.cert);
  const findings = [
    judgeUntil("certificate of the brokers", `the one of ${broker}`, await validUntil(broker), deviceNowMs()),
    judgeUntil("certificate of this agent", tls.cert ?? "", own?.validToDate, deviceNowMs()),
  ];
  return findings.filter((finding) => finding !== undefined);
}

/** @param until undefined: there is none, or it could not be seen */
export function judgeUntil(
  subject: string,
  which: string,
  until: Date | undefined,
  nowMs: number,
): Finding | undefined {
  if (until === undefined) return undefined;
  const leftMs = until.getTime() - nowMs;
  const day = until.toISOString().slice(0, 10);
  if (leftMs > soonMs) return ok(subject, `good until ${day}`);
  const text = leftMs < 0 ? `expired on ${day}` : `expires on ${day}, in ${about(leftMs)}`;
  return warn(subject, `${which} ${text}`, "renew it: agents that run take a new one without a restart");
}
