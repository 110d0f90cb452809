/**
 * Who holds uploaders' names, as far as their batches are concerned: one that was written under a hold after another agent took the name
 * is of an agent that had lost it (docs/protocol.md, "One name, one agent").
 */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { VersionIndex } from "../../lib/version-index.ts";
import type { FilesEntry, NameEntry } from "../../wire/entry.ts";

/** Uploaders that are told apart, in slots of 24 bytes. Bounded, as whoever may write the ledger can name any number. */
const heldSlots = 1 << 17;

export class Holds {
  /** By uploader, the offset after the one that its newest hold began at. */
  #epochs = new VersionIndex(heldSlots);

  /** The ledger was recreated. */
  clear(): void {
    this.#epochs = new VersionIndex(heldSlots);
  }

  pack(to: Packer): void {
    this.#epochs.pack(to);
  }

  unpack(from: Unpacker): void {
    this.#epochs.unpack(from);
  }

  /** An entry of a name at this ledger offset. Before a holder gives a version it leases it, and names its epoch. */
  note({ uploader, epoch }: NameEntry, offset: number): void {
    // One that is not below the entry's own offset is nobody's.
    if (epoch !== undefined && epoch < offset) this.#epochs.set(uploader, epoch + 1);
  }

  /** Whether a batch at this ledger offset is of an agent that had lost the name: an epoch is the offset that a hold began at. */
  isVoid({ uploader, epoch }: Pick<FilesEntry, "epoch" | "uploader">, offset: number): boolean {
    const held = (this.#epochs.get(uploader) ?? 0) - 1;
    return epoch < held && held < offset;
  }
}
