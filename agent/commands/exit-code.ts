/** The exit codes of every command. failed: at run time. misconfigured: the command line or the configuration is wrong. */
export const exitCode = { done: 0, failed: 1, misconfigured: 2 } as const;
