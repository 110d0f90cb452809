import { diskSuite } from "../conformance/disk.ts";
import { Random } from "../support/random.ts";
import { takeTurns } from "./clockwork.ts";
import { type DiskWatcher, SimulatedDisk } from "./disk.ts";
import { Process, Turns } from "./turns.ts";

const nobody: DiskWatcher = {
  naming: () => undefined,
  writing: () => undefined,
  removing: () => undefined,
  changing: () => undefined,
  called: () => undefined,
  asked: () => undefined,
};

diskSuite("the model's disk", async () => {
  const random = new Random(1);
  const turns = new Turns(random);
  const disk = new SimulatedDisk("machine", turns, random, nobody, {});
  disk.files.makeFolder("/output");
  const running = takeTurns(turns);
  return {
    disk: disk.for(new Process("one")),
    other: disk.for(new Process("other")),
    folder: "/output",
    inspect: (path) => {
      const node = disk.files.at(path);
      if (!node) throw new Error(`nothing is at ${path}`);
      return node.kind === "file" ? node.seen : { mode: node.mode, mtime: 0n };
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
});
