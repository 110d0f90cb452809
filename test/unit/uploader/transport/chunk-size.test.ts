import { expect, test } from "bun:test";
import { ChunkSize } from "../../../../agent/uploader/transport/chunk-size.ts";

const file = { uploader: "till", path: "video.avi" };

test("auto is as large as the topic takes, less what the record costs", () => {
  const bytes = new ChunkSize("auto", 1_048_588).next(file);
  expect(bytes).toBeLessThan(1_048_588);
  expect(bytes).toBeGreaterThan(1_047_000);
});

test("attributes leave less for the value, of each chunk alike", () => {
  const chunkSize = new ChunkSize("auto", 1_048_588);
  const attributes = { store: "0042" };
  const lost = chunkSize.next(file) - chunkSize.next({ ...file, attributes });
  expect(lost).toBeGreaterThanOrEqual("attributes".length + JSON.stringify(attributes).length);
  expect(lost).toBeLessThan(50);
});

test("a configured size holds as long as the topic takes it", () => {
  const chunkSize = new ChunkSize(500_000, 1_048_588);
  expect(chunkSize.next(file)).toBe(500_000);
  chunkSize.limit(100_000);
  expect(chunkSize.next(file)).toBeLessThan(100_000);
});

test("a longer path leaves less for the value", () => {
  const chunkSize = new ChunkSize("auto", 1_048_588);
  const longer = { ...file, path: `${"x".repeat(200)}.avi` };
  // Once in the key and once in a header.
  expect(chunkSize.next(file) - chunkSize.next(longer)).toBe(
    2 * ("x".repeat(200).length + 4 - file.path.length),
  );
});
