import { expect, test } from "bun:test";
import type { Wanted } from "../../../../agent/downloader/recover/log-replay.ts";
import { RereadRequests } from "../../../../agent/downloader/recover/reread-requests.ts";
import { OpenFiles } from "../../../../agent/downloader/store/open-files.ts";
import { Partial } from "../../../../agent/downloader/store/partial.ts";
import { Troubles } from "../../../../agent/lib/troubles.ts";
import { Observer } from "../../../../agent/observe/observer.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { localDisk } from "../../../support/local-disk.ts";

const id = { uploader: "till", path: "video", version: 7 };

/** Requests, and what of them was to be read. */
function prepare() {
  const requested: Wanted[] = [];
  const rereads = new RereadRequests({
    replay: {
      isReading: () => false,
      request: (wanted) => requested.push(wanted) > 0,
    },
    topicId: "topic",
    reporting: {
      log: new HeardLog("test", () => undefined),
      observer: new Observer({
        ...{ role: "downloader", name: "hub", version: "1", host: "hub" },
        troubles: new Troubles(),
      }),
      logChunks: false,
    },
    now: () => 0,
  });
  return { rereads, requested };
}

/** Of which the middle is here. @param partitions that the version is in */
function partial(partitions: readonly number[]): Partial {
  const offsets = partitions.map((partition) => ({ partition, offset: 5 }));
  const note = { ...id, partition: 0, size: 9, mtime: "0", algorithm: "md5" } as const;
  const from = { topic: "topic", offsets };
  return new Partial({ ...note, coverage: [[3, 6]], from }, "/nowhere", new OpenFiles(localDisk()));
}

test("a gap in a version that is in one partition is read again at once, one in a version that is spread is not", () => {
  const { rereads, requested } = prepare();
  const until = new Map([0, 1].map((partition) => [partition, 8]));
  rereads.readGap(partial([0, 1]), until);
  expect(requested).toEqual([]);
  rereads.readGap(partial([0]), until);
  expect(requested.map(({ parts }) => parts)).toEqual([[{ partition: 0, from: 5, until: 8 }]]);
});

test("what was sent is read again in each of its partitions, up to where the log of that ends", () => {
  const { rereads, requested } = prepare();
  const places = [
    { partition: 1, from: 20, last: 29 },
    { partition: 0, from: 10, last: 19 },
  ];
  const sent = {
    ...id,
    size: 9,
    checksum: "",
    topic: "topic",
    partition: 1,
    offset: 29,
    places,
    gone: false,
    isReplaced: false,
  };
  expect(rereads.readSent({ ...sent, topic: "another" }, () => undefined)).toBe("nowhere");
  expect(rereads.readSent(sent, ({ partition }) => (partition === 0 ? 15 : undefined))).toBe("reading");
  expect(requested.map(({ parts }) => parts)).toEqual([
    [
      { partition: 1, from: 20, until: 30 },
      { partition: 0, from: 10, until: 15 },
    ],
  ]);
});
