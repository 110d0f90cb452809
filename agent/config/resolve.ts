import type { CommonConfig, Config, KafkaConfig, SaslConfig, UploaderConfig } from "./config.ts";
import type { Settings } from "./schema.ts";

type CompleteSettings = Settings & { readonly name: string };

/** From the file's words to the agent's. Only for settings without problems; the result is frozen throughout. */
export function resolveConfig(settings: CompleteSettings, httpListenIsDefault: boolean): Config {
  const common = commonOf(settings, httpListenIsDefault);
  if (settings.role === "uploader") {
    return freeze({ ...common, role: settings.role, uploader: uploaderConfig(settings.uploader) });
  }
  const { downloader } = settings;
  return freeze({
    ...common,
    role: settings.role,
    downloader: {
      output: needed(downloader.output),
      group: needed(downloader.group),
      layout: downloader.layout,
      start: downloader.start,
      onChange: downloader.on_change,
      minFreeBytes: downloader.min_free,
      keepMtime: downloader.keep_mtime,
      requireMount: downloader.require_mount,
      fileMode: downloader.file_mode,
      dirMode: downloader.dir_mode,
      giveUpMs: downloader.give_up,
      eventsTopic: downloader.events.topic ?? undefined,
    },
  });
}

/** The same, without what is a role's. */
export function resolveCommon(settings: CompleteSettings, httpListenIsDefault: boolean): CommonConfig {
  return freeze(commonOf(settings, httpListenIsDefault));
}

function commonOf(settings: CompleteSettings, httpListenIsDefault: boolean): CommonConfig {
  const { http, log } = settings;
  return {
    name: settings.name,
    shutdownTimeoutMs: settings.shutdown_timeout,
    kafka: kafkaConfig(settings.kafka),
    http: {
      listen: http.listen ?? undefined,
      listenIsDefault: httpListenIsDefault,
      token: http.token || undefined,
    },
    log,
  };
}

function kafkaConfig(kafka: Settings["kafka"]): KafkaConfig {
  const { tls } = kafka;
  return {
    brokers: kafka.brokers,
    topic: kafka.topic,
    ledger: needed(kafka.ledger),
    createTopics: kafka.create_topics,
    partitions: kafka.partitions,
    ledgerPartitions: kafka.ledger_partitions,
    replication: kafka.replication,
    retentionMs: kafka.retention,
    tls: !tls.enabled
      ? undefined
      : {
          ca: tls.ca,
          cert: tls.cert,
          key: tls.key,
          keyPassword: tls.key_password || undefined,
          keyPasswordFile: tls.key_password_file || undefined,
          ciphers: tls.ciphers || undefined,
          verifyHostname: tls.verify_hostname,
        },
    sasl: saslConfig(kafka.sasl),
    options: kafka.options,
  };
}

function saslConfig(sasl: Settings["kafka"]["sasl"]): SaslConfig | undefined {
  const { mechanism } = sasl;
  if (mechanism === undefined) return undefined;
  if (mechanism === "aws-msk-iam" || mechanism === "oauthbearer")
    throw new Error(`${mechanism} passed the checks, and is not in this version`);
  return {
    mechanism,
    username: needed(sasl.username),
    password: needed(sasl.password),
    passwordFile: sasl.password_file || undefined,
  };
}

function uploaderConfig(uploader: Settings["uploader"]): UploaderConfig {
  const { every, bytes } = uploader.test_file;
  return {
    watch: uploader.watch.map(({ path, as, include, exclude, recursive, attributes }) => ({
      path,
      as,
      include,
      exclude,
      recursive,
      attributes,
    })),
    settleMs: uploader.settle,
    maxAgeMs: uploader.max_age ?? undefined,
    existing: uploader.existing,
    rescanMs: uploader.rescan,
    rescanContentMs: uploader.rescan_content ?? undefined,
    chunkBytes: uploader.chunk,
    checksum: uploader.checksum,
    compression: uploader.compression,
    partitioning: uploader.partitioning,
    inFlightBytes: uploader.in_flight,
    parallel: uploader.parallel,
    rateBytesPerSecond: uploader.rate ?? undefined,
    after: uploader.after,
    afterWhen: uploader.after_when,
    afterGroups: needed(uploader.after_groups),
    moveTo: uploader.move_to,
    testFile: every === null ? undefined : { everyMs: every, bytes },
  };
}

/** The checks have seen to it; a miss is our own mistake, not the user's. */
function needed<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("a required setting passed the checks without a value");
  return value;
}

function freeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null) freeze(inner);
  }
  return Object.freeze(value);
}
