/**
 * Writing what is noted of an uploader's files, many at a time: what comes while a batch is on its way goes with the next one.
 * Batches stand in slots (`batch-slots.ts`): a slot of which nothing counts any more is used again, and small batches are put together.
 *
 * One batch is written at a time, so the later of two that say something of a file is right. Whoever notes something waits until
 * the ledger has it, and only then is it known here.
 */
import { pause } from "../../lib/retry.ts";
import { tombstone } from "../../wire/entry.ts";
import type { NotedFile } from "../../wire/entry-value.ts";
import { limits } from "../../wire/limits.ts";
import type { Slot, StandingBatch } from "./batch-slots.ts";
import type { NameClaim } from "./name-claim.ts";
import type { OwnPartition } from "./own-partition.ts";
import type { UploaderState } from "./uploader-state.ts";

/** Files of a batch, and their text in bytes, so that it stays far below the limit of an entry. */
const mostFiles = 200;
const mostBytes = limits.entry / 2;
/** While there is much to note, it is collected for so long. */
const collectMs = 20;
const takenBackAtATime = 100;

/** What is to be noted of a path; for the ledger, and under the hold, that it was said for. */
interface Waiting {
  readonly file: NotedFile;
  readonly ledgerId: string;
  readonly epoch: number;
  readonly written: PromiseWithResolvers<void>;
}

export interface FileBatchesOptions {
  uploader: string;
  partition: Pick<OwnPartition, "ledgerId" | "write">;
  name: Pick<NameClaim, "epoch" | "held" | "versions">;
  /** Learns of each batch that the ledger has. */
  state: UploaderState;
}

export class FileBatches {
  readonly #options: FileBatchesOptions;
  #waiting: Waiting[] = [];
  /** Whether it is somebody's turn to write what waits. */
  #isDue = false;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(options: FileBatchesOptions) {
    this.#options = options;
  }

  /** Notes it with the next batch. Resolves once the ledger has it and it is known here. See `Ledger.write`. */
  note(file: NotedFile): Promise<void> {
    const { partition, name } = this.#options;
    const written = Promise.withResolvers<void>();
    this.#waiting.push({ file, ledgerId: partition.ledgerId, epoch: name.held, written });
    this.#writeInTurn();
    return written.promise;
  }

  /** Takes out of the ledger what counts no longer and would be read again. See `Ledger.write`. */
  async sweep(): Promise<void> {
    const { state } = this.#options;
    await this.#inTurn(async () => {
      for (const batch of state.slots.spoiled()) await this.#move([batch]);
    });
    await this.#inTurn(() => this.#takeBack([...state.slots.dead()]));
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(write);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  #writeInTurn(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    void this.#inTurn(async () => {
      this.#isDue = false;
      const some = this.#take();
      if (await this.#writeSome(some)) await this.#putTogether();
      if (some.length > 1) await pause(collectMs);
      if (this.#waiting.length > 0) this.#writeInTurn();
    });
  }

  /** The next ones that fit a batch: said for the same ledger, and under the same hold. */
  #take(): Waiting[] {
    const [first] = this.#waiting;
    let bytes = 0;
    const others = this.#waiting.findIndex((one, at) => {
      bytes += bytesOf(one.file);
      const isSame = one.ledgerId === first?.ledgerId && one.epoch === first?.epoch;
      return !isSame || at === mostFiles || (at > 0 && bytes > mostBytes);
    });
    return this.#waiting.splice(0, others < 0 ? this.#waiting.length : others);
  }

  /** Returns whether the ledger has it: else all who wait hear why not. */
  async #writeSome(some: readonly Waiting[]): Promise<boolean> {
    const [first] = some;
    if (!first) return false;
    try {
      await this.#write(
        some.map(({ file }) => file),
        first.ledgerId,
        first.epoch,
      );
      for (const { written } of some) written.resolve();
      return true;
    } catch (error) {
      for (const { written } of some) written.reject(error);
      return false;
    }
  }

  async #write(files: NotedFile[], ledgerId: string, epoch: number, moved?: true): Promise<void> {
    const { uploader, partition, name, state } = this.#options;
    const slot = state.slots.free(epoch);
    const said = state.open.toSay(files, name.versions.highest);
    const batch = { kind: "files", uploader, ...slot, format: 1, ...said, files } as const;
    const { offset } = await partition.write(moved ? { ...batch, moved } : batch, ledgerId);
    // Of the ledger before this one: what counts of it was written here meanwhile, or is forgotten.
    if (moved && partition.ledgerId !== ledgerId) return;
    state.noteBatch(slot, files, offset);
  }

  async #takeBack(slots: readonly Slot[]): Promise<void> {
    const { uploader, partition, state } = this.#options;
    for (let at = 0; at < slots.length; at += takenBackAtATime)
      await Promise.all(
        slots.slice(at, at + takenBackAtATime).map(async (slot) => {
          await partition.write(tombstone({ kind: "files", uploader, ...slot }), partition.ledgerId);
          state.slots.clear(slot);
        }),
      );
  }

  /** Small batches become one. */
  async #putTogether(): Promise<void> {
    // What keeps it from being written is waited out there; what ends that, whoever notes something next meets as well.
    const { name, state } = this.#options;
    const tidy = async () => {
      await this.#move(state.slots.toPutTogether());
      // What stands in slots of this hold is written over.
      await this.#takeBack([...state.slots.dead()].filter(({ epoch }) => epoch !== name.epoch));
    };
    await tidy().catch(() => undefined);
  }

  /** What counts of these batches, as far as it fits one, is written as one. See `Ledger.write`. */
  async #move(batches: readonly StandingBatch[]): Promise<void> {
    const { partition, name, state } = this.#options;
    const files: NotedFile[] = [];
    let bytes = 0;
    for (const { id, files: all } of batches) {
      for (const number of all) {
        const counts = state.files.inBatch(number, id);
        if (!counts) continue;
        const file = { path: counts.path, ...counts.value };
        bytes += bytesOf(file);
        files.push(file);
      }
      if (files.length >= mostFiles / 2 || bytes > mostBytes / 2) break;
    }
    if (files.length > 0) await this.#write(files, partition.ledgerId, name.held, true);
  }
}

function bytesOf(file: NotedFile): number {
  return Buffer.byteLength(JSON.stringify(file));
}
