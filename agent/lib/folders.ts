/** Looking at folders and hearing of their changes: `localFolders` is the real way, the model has another. */
import { lstat, stat } from "node:fs/promises";
import { native } from "../native/load-native.ts";
import type { NativeFolders } from "./native-folders.ts";

export interface Folders extends NativeFolders {
  /** The device that a path is on, links followed. Throws what the file system throws. */
  deviceOf(path: string): Promise<bigint>;
  /** Whether what stands at the path, links not followed, is a folder. Throws what the file system throws. */
  isFolder(path: string | Buffer): Promise<boolean>;
}

export const localFolders: Folders = {
  openLook: (root, inotify) => native.openLook(root, inotify),
  lookOn: (look, enter, buffer, callback) => native.lookOn(look, enter, buffer, callback),
  lookAtPaths: (root, paths, buffer, callback) => native.lookAtPaths(root, paths, buffer, callback),
  openFolderWatch: (onEvents) => native.openFolderWatch(onEvents),
  unwatchFolder: (fd, descriptor) => native.unwatchFolder(fd, descriptor),
  closeFolderWatch: (watch) => native.closeFolderWatch(watch),
  deviceOf: async (path) => (await stat(path, { bigint: true })).dev,
  isFolder: async (path) => (await lstat(path)).isDirectory(),
};
