/**
 * Before a command: it has processes and mounts of its own, which end with it, whatever becomes of those in between. Only for root.
 */
export const ownNamespaces: readonly string[] = [
  ...["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--mount", "--propagation", "private"],
];
