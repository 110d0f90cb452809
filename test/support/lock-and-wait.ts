/** Locks the file that it is given, says so, and has it until it is killed. */
import { dirname, join } from "node:path";
import { localDisk } from "./local-disk.ts";

const [file = ""] = process.argv.slice(2);
const lock = await localDisk().lock(file, join(dirname(file), "holder"), "the other");
process.stdout.write(lock.takenBy === undefined ? "locked\n" : `taken by ${lock.takenBy}\n`);
// It is held: what nobody refers to any more is closed.
setInterval(() => lock.isReal, 1000);
