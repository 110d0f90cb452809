/** Names, and the names beside them. */
import { expect, test } from "bun:test";
import { filedKey, filedUnder, homePartition, nameBeside } from "../../../agent/wire/filed-under.ts";

const byHand = { uploader: nameBeside("till", 7), path: "dir/a.txt" };

test("what is sent beside a name is filed under it, and goes where what that sends of the path goes", () => {
  const agents = { ...byHand, uploader: "till" };
  expect(filedUnder(byHand.uploader)).toBe("till");
  expect(filedKey(byHand)).toBe(filedKey(agents));
  for (const partitions of [1, 2, 7, 100])
    expect(homePartition(byHand, partitions)).toBe(homePartition(agents, partitions));
});

test("the partition is the one that docs/protocol.md says", () => {
  // CRC-32 of "till/dir/a.txt" is 0x2631f57a.
  expect(homePartition(byHand, 1000)).toBe(0x2631f57a % 1000);
});
