/** What a fault is, and what it may do. */
import type { Stage } from "./stage.ts";

/** What the seed says of one fault; each kind takes of it what it needs. */
export interface FaultDraw {
  target: number;
  /** 0 to 999. */
  duration: number;
  /** 0 to 999. */
  extent: number;
}

export interface FaultScene {
  stage: Stage;
  /** Notes a kill; inFlight: chunks were under way. */
  killed(what: string, inFlight: boolean): void;
  storeDeleted(disk: string): void;
  /** What the ledger knew is gone, or about to be. */
  ledgerLost(): void;
  /** Puts a folder into an uploader's source, and swaps it for a link and back. */
  swapFolder(uploader: string, waitMs: number): Promise<void>;
  /** Something that an agent does and must not, or does not and must. */
  misbehaved(agent: string, why: string): void;
  /** Whether each group has begun. What expires before that is none of its business. */
  groupsHaveBegun(): boolean;
  say(text: string): void;
}

export interface Fault {
  name: string;
  /** How often it comes, against the others. */
  weight: number;
  /** What it is done to: only one fault at a time is on each. Undefined: not possible here. */
  target(stage: Stage, draw: FaultDraw): string | undefined;
  /** Does it, and mends it. */
  run(scene: FaultScene, target: string, draw: FaultDraw): Promise<void>;
}
