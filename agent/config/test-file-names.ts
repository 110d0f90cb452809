/** What test files are called (`uploader.test_file`): a few names in turn, so that neither the watch nor a destination fills up. */
export const testFileNames: readonly string[] = Array.from(
  { length: 10 },
  (_, at) => `streamsend-test-${at + 1}.bin`,
);
