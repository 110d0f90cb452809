/**
 * Watches one client from its making on. Why a login, a TLS handshake or an address fails stands only in what the client says
 * beside its answers: that is read here, explained, and among the troubles for as long as it lasts. Files that were changed on
 * disk after a refusal are a reason to make the client anew.
 */
import type { EventEmitter } from "node:events";
import { messageOf } from "../../lib/errors.ts";
import type { TroublePart } from "../../lib/troubles.ts";
import type { Log } from "../../observe/log.ts";
import { explainSecurity } from "../errors.ts";
import { knock, type Unreachable } from "./knock.ts";
import { answersAtAll, offeredMechanisms } from "./protocol-look.ts";
import type { Properties } from "./settings.ts";
import type { BrokerStatistics } from "./statistics.ts";
import { explainHandshake, type TlsProperties } from "./tls-look.ts";

/** What keeps the client from a broker. */
export interface Obstacle {
  kind: "kafka.sasl" | "kafka.tls" | "address";
  /** `host:port`. */
  address: string;
  /** The broker's id in the cluster; undefined: it is one of `kafka.brokers`. */
  id: number | undefined;
  reason: string;
}

interface Explanation {
  reason: string;
  /** Only the client says so; a look of our own found nothing. */
  isGuess: boolean;
}

interface Standing extends Obstacle {
  /** By the monotonic clock. */
  lastSeenMs: number;
  looks: number;
  trouble: TroublePart | undefined;
}

export interface Watched {
  log: Log;
  properties: Properties;
  /** Of the files that the client is made from, as they are now. */
  fingerprint(): string;
}

/** The client says the same again after half a minute at the latest, for as long as it tries. */
const forgottenMs = 90_000;
/** An outage that is over within two looks is none that anybody has to do something about. */
const patientLooks = 2;

export class ClientWatch {
  /** Called when the client has to be made anew: what it was made from was changed, and it was refused. */
  onOutdated: ((reason: string) => void) | undefined;
  /** Called at each refusal while the client is not connected yet. */
  onRefused: ((obstacle: Obstacle) => void) | undefined;
  readonly #watched: Watched;
  readonly #fingerprint: string;
  /** By address. */
  readonly #standing = new Map<string, Standing>();
  #leaderless: TroublePart | undefined;
  #leaderlessLooks = 0;
  #isOver = false;

  constructor(client: EventEmitter, watched: Watched) {
    this.#watched = watched;
    this.#fingerprint = watched.fingerprint();
    client.on("event.log", (event: { fac: string; message: string }) => {
      watched.log.debug(`kafka client: ${event.fac}: ${event.message}`);
      this.notice(event.message);
    });
    client.on("event.error", (error: Error) => this.notice(error.message));
    client.on("disconnected", () => this.end());
  }

  /** A line of the client's own log. */
  notice(line: string): void {
    const found = readObstacle(line);
    if (!found || this.#isOver) return;
    const before = this.#standing.get(found.address);
    const same = before?.kind === found.kind ? before : undefined;
    if (!same) before?.trouble?.end();
    this.#standing.set(found.address, {
      ...found,
      reason: same?.reason ?? found.reason,
      lastSeenMs: performance.now(),
      looks: same?.looks ?? 0,
      trouble: same?.trouble,
    });
    if (found.kind === "address") return;
    if (this.onRefused) this.onRefused(found);
    else if (!this.#isOutdated()) void this.#say(found.address);
  }

  /** To be called each time when the client says how its brokers are. */
  look(brokers: BrokerStatistics): void {
    if (this.#standing.size === 0 || this.#isOutdated()) return;
    for (const [address, standing] of this.#standing) {
      const ofAddress = Object.values(brokers).filter(({ nodename }) => nodename === address);
      const isThrough = ofAddress.length === 0 || ofAddress.some(({ state }) => state === "UP");
      const isForgotten =
        standing.kind !== "address" && performance.now() - standing.lastSeenMs > forgottenMs;
      if (isThrough || isForgotten) this.#forget(address);
      else if (++standing.looks >= patientLooks || standing.trouble) void this.#say(address);
    }
  }

  /** To be called each time when the client says what it can't read, as nobody leads it: "topic files, partition 3". */
  lookAtLeaders(leaderless: readonly string[]): void {
    if (this.#isOver) return;
    this.#leaderlessLooks = leaderless.length === 0 ? 0 : this.#leaderlessLooks + 1;
    if (this.#leaderlessLooks > 0 && this.#leaderlessLooks <= patientLooks) return;
    const [first, ...others] = leaderless;
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
    const reason = first === undefined ? undefined : `no leader${more}: start the brokers that hold it`;
    if (this.#leaderless?.reason === reason) return;
    this.#leaderless?.end();
    this.#leaderless = undefined;
    if (first === undefined || reason === undefined) return;
    const { log } = this.#watched;
    this.#leaderless = log.troubles.share(first, reason);
    if (this.#leaderless.isFirst) log.warn(`${first}: ${reason}; trying again until it works`);
  }

  /** Whether it is known, and has been said, what keeps the client from the brokers; looks at it at once. */
  async explain(): Promise<boolean> {
    await Promise.all([...this.#standing.keys()].map((address) => this.#say(address)));
    return this.isExplained;
  }

  get isExplained(): boolean {
    return [...this.#standing.values()].some(({ trouble }) => trouble !== undefined);
  }

  /** What is known at present of why no broker can be reached; undefined: nothing. */
  async reason(): Promise<Obstacle | undefined> {
    for (const standing of this.#standing.values()) {
      const explanation = await this.#explain(standing);
      if (explanation) return { ...standing, reason: explanation.reason };
    }
    return undefined;
  }

  end(): void {
    this.lookAtLeaders([]);
    this.#isOver = true;
    for (const address of [...this.#standing.keys()]) this.#forget(address);
  }

  async #say(address: string): Promise<void> {
    const standing = this.#standing.get(address);
    const explanation = standing && (await this.#explain(standing));
    // Meanwhile it can be over, or another one.
    if (this.#standing.get(address) !== standing || !standing) return;
    if (!explanation) return this.#forget(address);
    const { reason, isGuess } = explanation;
    if (standing.trouble?.reason === reason) return;
    // A handshake of our own finds nothing where all is well by now, or just this once.
    if (isGuess && standing.looks < patientLooks) return;
    standing.trouble?.end();
    const { log } = this.#watched;
    const setting = standing.kind === "address" ? "kafka.brokers" : standing.kind;
    standing.trouble = log.troubles.share(setting, reason);
    standing.reason = reason;
    if (standing.trouble.isFirst) log.warn(`${setting}: ${reason}; trying again until it works`);
  }

  #forget(address: string): void {
    this.#standing.get(address)?.trouble?.end();
    this.#standing.delete(address);
  }

  /** Undefined: it is none any more, or an outage of all brokers. */
  async #explain({ kind, address, id, reason }: Obstacle): Promise<Explanation | undefined> {
    if (kind === "kafka.sasl")
      return { reason: (await this.explainLogin(address)) ?? reason, isGuess: false };
    if (kind === "kafka.tls") {
      const seen = await this.explainTls(address);
      return { reason: seen ?? reason, isGuess: seen === undefined };
    }
    const others = bootstrapOf(this.#watched.properties).filter((other) => other !== address);
    const [problem, ...answers] = await Promise.all([address, ...others].map(knock));
    // An address of the cluster that is wrong is told from an outage by somebody who does answer.
    if (problem === undefined || id === undefined || !answers.includes(undefined)) return undefined;
    return { reason: advertised(id, address, problem), isGuess: false };
  }

  /** What a handshake of our own finds out; undefined: nothing. */
  async explainTls(address: string): Promise<string | undefined> {
    try {
      return await explainHandshake(address, tlsOf(this.#watched.properties));
    } catch (error) {
      this.#watched.log.debug(`looking at the certificate of ${address}: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** `host:port` of the brokers that the client was given. */
  get named(): readonly string[] {
    return bootstrapOf(this.#watched.properties);
  }

  /** Whether any of `named` answers, on a connection of its own. */
  async isAnswered(): Promise<boolean> {
    const answers = this.named.map((broker) => this.answers(broker));
    return (await Promise.all(answers)).includes(true);
  }

  /** Whether a broker, `host:port`, answers, on a connection of its own. Never rejects. */
  async answers(broker: string): Promise<boolean> {
    const isTls = String(this.#watched.properties["security.protocol"]).endsWith("ssl");
    try {
      return await answersAtAll(broker, isTls);
    } catch {
      // The brokers can name an address that is none.
      return false;
    }
  }

  /** What the broker says of how it wants clients to log in, where the client does it otherwise; undefined: it does not, or nothing. */
  async explainLogin(address: string): Promise<string | undefined> {
    const { properties } = this.#watched;
    const protocol = String(properties["security.protocol"]);
    const own = protocol.startsWith("sasl_")
      ? String(properties["sasl.mechanisms"]).toUpperCase()
      : undefined;
    const offered = await offeredMechanisms(address, protocol.endsWith("ssl"));
    if (offered === undefined) return undefined;
    if (offered === "none")
      return own === undefined
        ? undefined
        : `${address} takes no logins: check kafka.brokers, or leave kafka.sasl out`;
    const choice = offered.join(", ");
    if (own === undefined) return `${address} wants a login (${choice}): set kafka.sasl.mechanism`;
    if (offered.includes(own)) return undefined;
    return `the brokers do not offer this kafka.sasl.mechanism: set it to one of theirs (${choice})`;
  }

  #isOutdated(): boolean {
    const isRefused = [...this.#standing.values()].some(({ kind }) => kind !== "address");
    if (!isRefused || !this.onOutdated || this.#watched.fingerprint() === this.#fingerprint) return false;
    this.onOutdated("what it logs in with was changed on disk");
    return true;
  }
}

/** Says what is wrong with an address that the brokers gave out. */
export function advertised(id: number, address: string, { says, isUnresolved }: Unreachable): string {
  const which = isUnresolved ? "can't be resolved" : "can't be reached";
  return `broker ${id} advertises ${address}, which ${which} from here (${says}): start that broker, or correct its advertised.listeners, name resolution or the firewall`;
}

/** The `host:port` and id that the client's line begins with, and what it says of them. */
export function readObstacle(line: string): Obstacle | undefined {
  const match = /(?:^|[\s/])(\[[^\]\s]+\]:\d+|[^\s/:[\]]+:\d+)(?:\/(-?\d+|bootstrap))?: (.*)/s.exec(line);
  const [, address = "", id, text = ""] = match ?? [];
  const security = explainSecurity(line);
  const broker = { address, id: id === undefined || id === "bootstrap" ? undefined : Number(id) };
  if (security) return { kind: security.setting, ...broker, reason: security.reason };
  if (!match || !/^(Failed to resolve|Connect to .* failed|Connection setup timed out)/.test(text))
    return undefined;
  return { kind: "address", ...broker, reason: text };
}

export function bootstrapOf(properties: Properties): string[] {
  return String(properties["bootstrap.servers"]).split(",");
}

function tlsOf(properties: Properties): TlsProperties {
  const text = (name: string) => {
    const value = properties[name];
    return value === undefined || value === "" || value === "probe" ? undefined : String(value);
  };
  return {
    ca: text("ssl.ca.location"),
    cert: text("ssl.certificate.location"),
    key: text("ssl.key.location"),
    keyPassword: text("ssl.key.password"),
    ciphers: text("ssl.cipher.suites"),
    verifyHostname: text("ssl.endpoint.identification.algorithm") !== "none",
  };
}
