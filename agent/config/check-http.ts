import type { Problems } from "./problems.ts";
import type { Settings } from "./schema.ts";

/** What the keys of each of `http.tokens` have to be to each other. */
export function checkHttp({ http }: Settings, problems: Problems): void {
  for (const [index, { token, token_file, read, write }] of http.tokens.entries()) {
    const at = ["http", "tokens", index];
    if ((token ?? "") === "" && token_file === undefined) problems.add([...at, "token_file"], "required");
    if (read.length === 0 && write.length === 0)
      problems.add([...at, "read"], "required, or write: the token opens nothing");
  }
}
