/** A disk whose calls are watched: one that hangs makes the agent unready instead of silent. */
import type { Disk, DiskFile } from "../lib/disk.ts";
import type { Stalls } from "./stalls.ts";

/** @param where the folder that it is all about, as it is shown */
export function watchDisk(disk: Disk, stalls: Stalls, where: string): Disk {
  const reading = <Result>(call: Promise<Result>) => stalls.watch(`reading below ${where}`, call);
  const writing = <Result>(call: Promise<Result>) => stalls.watch(`writing below ${where}`, call);
  const watchFile = (file: DiskFile): DiskFile => ({
    read: (...args) => reading(file.read(...args)),
    write: (...args) => writing(file.write(...args)),
    extend: (...args) => writing(file.extend(...args)),
    chmod: (mode) => writing(file.chmod(mode)),
    close: () => writing(file.close()),
  });
  return {
    open: async (...args) => watchFile(await writing(disk.open(...args))),
    look: (path) => reading(disk.look(path)),
    list: (folder) => reading(disk.list(folder)),
    readText: (path) => reading(disk.readText(path)),
    freeBytes: (path) => reading(disk.freeBytes(path)),
    blockBytes: (path) => reading(disk.blockBytes(path)),
    freeInodes: (path) => reading(disk.freeInodes(path)),
    mayChange: (folder) => reading(disk.mayChange(folder)),
    lock: (...args) => writing(disk.lock(...args)),
    storeWhole: (...args) => writing(disk.storeWhole(...args)),
    writeText: (...args) => writing(disk.writeText(...args)),
    setModificationTime: (...args) => writing(disk.setModificationTime(...args)),
    sync: (paths) => writing(disk.sync(paths)),
    rename: (...args) => writing(disk.rename(...args)),
    link: (...args) => writing(disk.link(...args)),
    remove: (path) => writing(disk.remove(path)),
    makeFolder: (...args) => writing(disk.makeFolder(...args)),
  };
}
