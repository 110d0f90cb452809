/** Whether anybody listens at an address, and if not, why: one connection, without any data. */
import { connect } from "node:net";
import { hostAndPort } from "../../lib/address.ts";
import { codeOf, messageOf } from "../../lib/errors.ts";

/** A link that takes longer can't be worked with either. */
const knockMs = 4000;

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "no way to this host",
  ENETUNREACH: "no way to this network",
  ETIMEDOUT: "no answer",
};
const unresolved = new Set(["ENOTFOUND", "EAI_AGAIN"]);

/** Why an address can't be reached. */
export interface Unreachable {
  says: string;
  /** No address of the host could be found. */
  isUnresolved: boolean;
}

/** Why `host:port` can't be reached; undefined: it can. */
export function knock(address: string): Promise<Unreachable | undefined> {
  return new Promise((resolve) => {
    const socket = connect(hostAndPort(address));
    const end = (problem?: Unreachable) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    // The socket's own time-out would not count while the name is looked up.
    const timer = setTimeout(end, knockMs, {
      says: `no answer within ${knockMs / 1000} s`,
      isUnresolved: false,
    });
    socket.once("connect", () => end());
    socket.once("error", (error) => {
      const code = codeOf(error) ?? "";
      end({ says: reasons[code] ?? messageOf(error), isUnresolved: unresolved.has(code) });
    });
  });
}

/** The addresses that do not answer, and why; all are tried at once. */
export async function knockAtAll(addresses: readonly string[]): Promise<Map<string, Unreachable>> {
  const answers = await Promise.all(
    addresses.map(async (address) => [address, await knock(address)] as const),
  );
  return new Map(
    answers.flatMap(([address, problem]) => (problem === undefined ? [] : [[address, problem]])),
  );
}

/** `a:9092 (connection refused), b:9092 (no such host)` */
export function listProblems(problems: ReadonlyMap<string, Unreachable>): string {
  return [...problems].map(([address, { says }]) => `${address} (${says})`).join(", ");
}
