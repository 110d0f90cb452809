import { expect, test } from "bun:test";
import { FileEntries } from "../../../../agent/ledger/uploader/file-entries.ts";
import { GroupMark, GroupMarks } from "../../../../agent/ledger/uploader/group-marks.ts";
import { MarkedFiles } from "../../../../agent/ledger/uploader/marked-files.ts";
import type { DoneEntry } from "../../../../agent/wire/entry.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";
import { Random } from "../../../support/random.ts";

const checksum = "md5:5d41402abc4b2a76b9719d911017c592";

function sent(version: number, partition: number, at: number): FileValue {
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = { topic: "topic", partition, offset: 0, at };
  return { version, state: "sent", size: 5, ...times, ...where, checksum };
}

/** What a group says of a partition; versions of files are below a hundred, and so are offsets. */
function markOf(random: Random, group: string, partition: number): DoneEntry {
  const some = () => Array.from({ length: random.below(3) }, () => random.below(100));
  const key = { kind: "done", group, uploader: "till", partition } as const;
  const range = { to: random.below(100), at: random.below(100), but: some(), also: some() };
  return { ...key, format: 1, ...range, early: [], by: {}, time: "" };
}

test("a mark speaks of the same files for the first time as if all had been looked at", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const files = new FileEntries();
    const marked = new MarkedFiles(files, 3);
    const marks = new GroupMarks();
    for (let step = 0; step < 60; step++) {
      if (step === 10) marked.loaded();
      const path = `p${random.below(12)}`;
      if (random.below(3) > 0) {
        const value = sent(random.below(100), random.below(2), random.below(100));
        files.set(path, value, 0);
        marked.noted(path, value);
        continue;
      }
      const mark = new GroupMark(markOf(random, `group-${random.below(2)}`, random.below(2)));
      const before = marks.put(mark);
      const isNews = (one: string) => {
        const place = files.placeOf(one);
        return place !== undefined && mark.has(place) && !before?.has(place);
      };
      const news = step < 10 ? [] : [...files.paths()].filter(isNews);
      expect(marked.put(mark).sort(), `seed ${seed}, step ${step}`).toEqual(news.sort());
    }
  }
});
