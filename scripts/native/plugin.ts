import { join } from "node:path";

const loader = join(import.meta.dir, "../../agent/native/load-native.ts");

/**
 * What the client's JavaScript takes from its addon. Named one by one: `require` of a module with named exports gives an
 * object in Bun's bundler and in its runtime alike, `module.exports` only in one of them.
 */
const clientExports = [
  "AdminClient",
  "KafkaConsumer",
  "Producer",
  "Topic",
  "err2str",
  "features",
  "librdkafkaVersion",
  "topic",
];

/**
 * Puts our own addon under the client: loaded by agent/native/load-native.ts, and handed to the package in place of what its
 * librdkafka.js would look for in its own folder. For `Bun.build` as well as for the runtime (preload.ts), which gives the
 * addon's path; an executable has the addon at its end.
 */
export function kafkaClient(addon?: string): Bun.BunPlugin {
  return {
    name: "kafka-client",
    setup(build) {
      build.onLoad({ filter: /[\\/]agent[\\/]native[\\/]addon-path\.ts$/ }, () => ({
        contents: `export const addonPath = ${JSON.stringify(addon)};`,
        loader: "js",
      }));
      build.onLoad({ filter: /[\\/]@confluentinc[\\/]kafka-javascript[\\/]librdkafka\.js$/ }, () => ({
        contents: `import { native } from ${JSON.stringify(loader)};\nexport const { ${clientExports.join(", ")} } = native;`,
        loader: "js",
      }));
    },
  };
}
