/** What the native layer does with folders: scripts/native/look_at_folders.cc and folder_events.cc say how. */

/** A look at all that is below a folder. */
export type NativeLook = { readonly look: unique symbol };
/** An inotify descriptor, and what reads it. */
export type NativeFolderWatch = { readonly folderWatch: unique symbol };

export interface NativeFolders {
  /** @param inotify a descriptor of `openFolderWatch` that each folder is watched by before it is read, or -1 */
  openLook(root: Buffer, inotify: number): NativeLook;
  /**
   * Reads on, on a worker thread, until the buffer is full or all is read.
   *
   * @param enter folders to be read as well, as paths from the root, each ended by NUL
   * @param callback told how many bytes of the buffer are records now; 0: it is over
   */
  lookOn(look: NativeLook, enter: Buffer, buffer: Buffer, callback: (bytes: number) => void): void;
  /**
   * Looks at single paths, each ended by NUL, on a worker thread.
   *
   * @param callback told how many bytes of the buffer are records now, and how many of the paths were looked at
   */
  lookAtPaths(
    root: Buffer,
    paths: Buffer,
    buffer: Buffer,
    callback: (bytes: number, count: number) => void,
  ): void;
  /** Begins to read events. Returns a negative number where the system refuses: -errno. */
  openFolderWatch(onEvents: (events: Buffer) => void): { fd: number; watch: NativeFolderWatch } | number;
  unwatchFolder(fd: number, descriptor: number): void;
  closeFolderWatch(watch: NativeFolderWatch): void;
}
