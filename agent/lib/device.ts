import { stat } from "node:fs/promises";

/** The file system that a path is on; undefined: it is not there, or can't be looked at. */
export async function deviceOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.dev;
}
