/**
 * Path of the client's compiled addon. This module is only a place holder: scripts/native/plugin.ts puts in the addon
 * that scripts/native/build has made, when the executable is built as well as under `bun test` and `bun run`.
 */
export const addonFile: string = missing();

function missing(): never {
  throw new Error(
    "the Kafka client's addon is not there: scripts/native/plugin.ts was not loaded (see bunfig.toml)",
  );
}
