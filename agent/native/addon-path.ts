/**
 * The addon as a file of its own. Under `bun test` and `bun run` scripts/native/plugin.ts puts in the one that
 * scripts/native/build has made; an executable carries the addon itself (addon-bytes.ts).
 */
export const addonPath: string | undefined = undefined;
