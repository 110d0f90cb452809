/** What is not stored, as another one of the name has sent something newer. */
import { beforeEach, expect, test } from "bun:test";
import { Outdated } from "../../../../agent/downloader/publish/outdated.ts";
import type { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import { filedKey, filedUnder, isBeside } from "../../../../agent/wire/filed-under.ts";

/** What the group has, and how often the ledger was read through. */
let stored: VersionId[];
let reads: number;
/** What the group has that is not noted. */
let unnoted: VersionId[];
let outdated: Outdated;

const id = (uploader: string, version: number, path = "a.txt"): VersionId => ({ uploader, path, version });

beforeEach(() => {
  stored = [];
  reads = 0;
  unnoted = [];
  const others = ({ uploader }: VersionId) =>
    stored.filter(
      (other) => other.uploader !== uploader && filedUnder(other.uploader) === filedUnder(uploader),
    );
  outdated = new Outdated({
    state: {
      versions: {
        isShared: (one: VersionId) => isBeside(one.uploader) || others(one).length > 0,
        hasNewerUnnoted: (one: VersionId) => unnoted.some(({ version }) => version > one.version),
        mayBeNewerBeside: (one: VersionId) => others(one).some(({ version }) => version > one.version),
      },
    },
    findOutdated: async (ids: readonly VersionId[]) => {
      if (ids.length === 0) return [];
      reads++;
      return ids.filter((one) =>
        stored.some((other) => filedKey(other) === filedKey(one) && other.version > one.version),
      );
    },
  } as unknown as GroupLedger);
});

const among = async (...ids: VersionId[]) => [...(await outdated.among(ids))];

test("what the only one of a name has sent is never outdated, and nothing is looked up for it", async () => {
  stored = [id("till", 20), id("tablet~0", 30)];
  expect(await among(id("till", 10))).toEqual([]);
  expect(reads).toBe(0);
});

test("of what the group has a newer version by another one of the name is outdated, whoever is the older one", async () => {
  stored = [id("till~0", 20)];
  const older = id("till", 10);
  expect(await among(older, id("till", 30), id("till", 10, "b.txt"), id("tablet", 10))).toEqual([older]);
  stored = [id("till", 20)];
  const byHand = id("till~0", 10);
  expect(await among(byHand)).toEqual([byHand]);
});

test("the ledger is read only where another one has given higher numbers", async () => {
  stored = [id("till~0", 20)];
  expect(await among(id("till", 30))).toEqual([]);
  expect(reads).toBe(0);
});

test("of two of one path that are stored together the older one is outdated", async () => {
  const [older, newer] = [id("till", 10), id("till~0", 20)];
  expect(await among(newer, older)).toEqual([older]);
});

test("what was stored before it was noted counts as well", async () => {
  const older = id("till", 10);
  outdated.stored([id("till~0", 20)]);
  expect(await among(older)).toEqual([older]);
  expect(await among(id("till", 30))).toEqual([]);
  // What is stored of the agent's own since the command counts too.
  outdated.stored([id("till", 30)]);
  expect(await among(id("till~0", 25))).toEqual([id("till~0", 25)]);
});

test("what the group has of another one that was killed before it noted that counts, also after a restart", async () => {
  unnoted = [id("till~0", 20)];
  const older = id("till~1", 10);
  expect(await among(older, id("till~1", 30))).toEqual([older]);
});
