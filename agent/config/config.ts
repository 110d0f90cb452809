/**
 * The configuration as the agent uses it: resolved, checked and frozen. Sizes are bytes, durations are
 * milliseconds, paths are absolute, secrets are in clear text (never log a whole Config).
 * The file's own words (snake_case, `8MiB`, `5s`) are in schema.ts; resolve.ts turns the one into the other.
 */
export type Config = CommonConfig & (UploaderRole | DownloaderRole);

export type Role = "uploader" | "downloader";

interface UploaderRole {
  readonly role: "uploader";
  readonly uploader: UploaderConfig;
}

interface DownloaderRole {
  readonly role: "downloader";
  readonly downloader: DownloaderConfig;
}

export interface CommonConfig {
  /** Letters, digits, `.`, `_`, `-`, a letter or digit first; safe as a folder's name. */
  readonly name: string;
  readonly shutdownTimeoutMs: number;
  readonly kafka: KafkaConfig;
  readonly http: HttpConfig;
  readonly log: LogConfig;
}

export interface KafkaConfig {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly ledger: string;
  readonly createTopics: boolean;
  readonly partitions: number;
  readonly ledgerPartitions: number;
  /** -1: the brokers' default. */
  readonly replication: number;
  readonly retentionMs: number;
  /** undefined: no TLS. */
  readonly tls: TlsConfig | undefined;
  /** undefined: no login. */
  readonly sasl: SaslConfig | undefined;
  /** librdkafka properties as they are; they win over the agent's own choice. */
  readonly options: Readonly<Record<string, string>>;
}

export interface TlsConfig {
  /** Files in PEM. undefined: the system's authorities, no client certificate. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly keyPassword: string | undefined;
  /** Where that comes from; it is read again when the agent connects. */
  readonly keyPasswordFile?: string | undefined;
  readonly ciphers: string | undefined;
  readonly verifyHostname: boolean;
}

/** A login with a password: the other mechanisms are not in this version (`not-yet.ts`). */
export interface SaslConfig {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
  /** Where that comes from; it is read again when the agent connects. */
  readonly passwordFile?: string | undefined;
}

export interface UploaderConfig {
  /** At least one; they do not overlap and cannot give two files one path. */
  readonly watch: readonly WatchConfig[];
  readonly settleMs: number;
  /** undefined: no limit. */
  readonly maxAgeMs: number | undefined;
  readonly existing: boolean;
  readonly rescanMs: number;
  /** undefined: never. */
  readonly rescanContentMs: number | undefined;
  readonly chunkBytes: number | "auto";
  readonly checksum: "md5" | "sha256";
  readonly compression: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly partitioning: "file" | "spread";
  /** At least `chunkBytes`. */
  readonly inFlightBytes: number;
  readonly parallel: number;
  /** undefined: no limit. */
  readonly rateBytesPerSecond: number | undefined;
  /** await: kept, and waited for until it is delivered; of `send` only. */
  readonly after: "keep" | "await" | "delete" | "move";
  readonly afterWhen: "acknowledged" | "delivered";
  readonly afterGroups: readonly string[];
  /** Absolute; there when `after` is `move`. */
  readonly moveTo: string | undefined;
  /** undefined: no test files. */
  readonly testFile: { readonly everyMs: number; readonly bytes: number } | undefined;
}

export interface WatchConfig {
  /** Absolute, links not resolved. */
  readonly path: string;
  /** The folder at the destination: relative, no `.` or `..`, no slash at either end; empty: none. */
  readonly as: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly recursive: boolean;
  /** What travels with its files; empty: nothing. */
  readonly attributes: Readonly<Record<string, string>>;
  /** What `send` was told to send of it; undefined: it is watched. */
  readonly named?: NamedFiles;
}

/** Beside a folder others are sent, so what the ledger has and is not there is none of its business. */
export interface NamedFiles {
  /** The files that were named one by one, as text, hidden or not; undefined: all that the rules let through. */
  readonly only: ReadonlySet<string> | undefined;
}

export interface DownloaderConfig {
  /** Absolute, links not resolved. */
  readonly output: string;
  readonly group: string;
  readonly layout: "{uploader}/{path}" | "{path}";
  readonly start: "earliest" | "latest";
  readonly onChange: "replace" | "keep-both";
  readonly minFreeBytes: number;
  readonly keepMtime: boolean;
  readonly requireMount: boolean;
  /** As for chmod(2): 0o644. */
  readonly fileMode: number;
  readonly dirMode: number;
  /** What an uploader owes that has not answered for so long is failed. */
  readonly giveUpMs: number;
  /** That gets an event for each file that was stored or has failed; undefined: none does. */
  readonly eventsTopic: string | undefined;
}

export interface HttpConfig {
  /** undefined: no HTTP. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** A port that was asked for and is taken is an error, the default one only a warning. */
  readonly listenIsDefault: boolean;
  readonly token: string | undefined;
}

export interface LogConfig {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "text" | "json";
  /** The line per chunk. */
  readonly chunks: boolean;
}
