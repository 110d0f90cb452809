import { resolve } from "node:path";
import type { Settings } from "./schema.ts";

/**
 * Fills in what has no fixed default: the name, the ledger's topic, the groups, and the working directory before
 * relative paths.
 */
export function complete(settings: Settings, hostName: string): Settings & { name: string } {
  const { kafka, uploader, downloader, encryption } = settings;
  return {
    ...settings,
    name: settings.name ?? hostName,
    kafka: {
      ...kafka,
      ledger: kafka.ledger ?? `${kafka.topic}.ledger`,
      tls: absolute(kafka.tls, ["ca", "cert", "key", "key_password_file"]),
      sasl: absolute(kafka.sasl, ["password_file", "client_secret_file", "ca"]),
    },
    uploader: {
      ...absolute(uploader, ["move_to"]),
      after_groups: uploader.after_groups ?? [kafka.topic],
      watch: uploader.watch.map((watch) => ({ ...absolute(watch, ["path"]), as: folder(watch.as) })),
    },
    // Two pipelines on one cluster never share a group unasked: each would wait for the other's members.
    downloader: {
      ...absolute(downloader, ["output"]),
      group: downloader.group ?? kafka.topic,
      tables: { ...downloader.tables, staging: absolute(downloader.tables.staging, ["directory"]) },
    },
    encryption: absolute(encryption, ["identity_file"]),
  };
}

function absolute<Values extends object>(values: Values, keys: readonly (keyof Values)[]): Values {
  const result = { ...values };
  for (const key of keys) {
    const value = result[key];
    if (typeof value === "string" && value !== "") Object.assign(result, { [key]: resolve(value) });
  }
  return result;
}

/** `./a//b/` is `a/b`. */
function folder(as: string): string {
  return as
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
