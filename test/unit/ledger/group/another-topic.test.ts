/** The chunks' topic is made again, and a version is sent to the new one as another group asks for it. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { Entry, FilesEntry } from "../../../../agent/wire/entry.ts";
import type { NotedFile } from "../../../../agent/wire/entry-value.ts";
import { all, failed, first, noted, other, store, stored } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const was = [{ topic: "topic", partition: 0, offset: 7, at: 0 }];

/** It was noted at ledger offset 0, and is now in another topic. */
function sentAgain(says: Partial<NotedFile>): FilesEntry {
  const { files, ...batch } = noted(first);
  return {
    ...batch,
    files: files.map((file) => Object.assign(file, { topic: "another", offset: 9, ...says })),
  };
}

const unsettled = ({ state }: GroupLedger) => [...state.unsettled()].map(({ version }) => version);
test.each([0, 1])(
  "a group that has it does not get it again, in partition %d of that, and says so",
  async (partition) => {
    const log = new MemoryLedger([noted(first)]);
    const ledger = await GroupLedger.open("group", log);
    await ledger.writeDelivered([stored(first)], store);
    using _following = log.follow(ledger);
    await log.append(sentAgain({ partition, was }));
    const started = await GroupLedger.open("group", log);
    await started.close();
    expect([unsettled(ledger), unsettled(started)]).toEqual([[], []]);
    expect(ledger.state.isDelivered(first, partition)).toBe(true);
    await ledger.tidy(all, all);
    const mark = log.written.at(-1);
    const at = log.entries.length - 2;
    expect(mark).toMatchObject({ kind: "done", partition });
    if (mark?.kind !== "done") throw new Error("no mark");
    expect(mark.also.includes(first.version) || (mark.to >= first.version && mark.at > at)).toBe(true);
  },
);

test.each([
  ["that lacks it", [noted(first)]],
  ["that could not store it", [noted(first), failed(first)]],
])("a group %s gets it", async (_, entries: Entry[]) => {
  const log = new MemoryLedger(entries);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.append(sentAgain({ partition: 1, was }));
  expect(unsettled(ledger)).toEqual([first.version]);
  await ledger.writeDelivered([{ ...stored(first), partition: 1 }], store);
  expect(ledger.state.isDelivered(first, 1)).toBe(true);
});

test("what is still due in the new topic is not settled by later numbers of the partition that it was in", async () => {
  const later = [other, { ...other, path: "later", version: other.version + 1 }];
  const log = new MemoryLedger([noted(first), ...later.map((id) => noted(id))]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.append({ ...sentAgain({ partition: 1, was }), next: 300 });
  await ledger.writeDelivered(
    later.map((id) => stored(id)),
    store,
  );
  expect(log.written.at(-1)).toMatchObject({ partition: 0, but: [first.version] });
  // It is put together with others, or was sent once more.
  await log.append({ ...sentAgain({ partition: 1, was, at: 3 }), slot: 5, next: 300 });
  const started = await GroupLedger.open("group", log);
  await started.close();
  expect([unsettled(ledger), unsettled(started)]).toEqual([[first.version], [first.version]]);
  await ledger.writeDelivered([{ ...stored(first), partition: 1 }], store);
  expect([unsettled(ledger), ledger.state.isDelivered(first, 0)]).toEqual([[], true]);
  await ledger.tidy(all, all);
  await ledger.tidy(all, all);
  expect(log.written.findLast((entry) => entry.kind === "done" && entry.partition === 0)).toMatchObject({
    but: [],
    also: [],
  });
});

test("of a group that began with the new topic its mark does not say so: it is to have what comes there", async () => {
  const log = new MemoryLedger([]);
  log.brokerTimeMs = 5;
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeStart("another", new Map([[0, 0]]));
  const later = { ...other, version: 6000 };
  await log.append(noted(first), noted(later));
  await ledger.writeDelivered([stored(later)], store);
  expect(log.written.at(-1)).toMatchObject({ kind: "done", to: later.version });
  expect(unsettled(ledger)).toEqual([]);
  await log.append(sentAgain({ partition: 0, was: was.map((place) => ({ ...place, at: 1 })) }));
  expect(unsettled(ledger)).toEqual([first.version]);
});
