/**
 * What several sources give, as it comes: one that gives nothing holds up no other. Each goes on only when what it gave
 * was dealt with. Ends with the last source, or when the signal fires, without waiting for a source that hangs. Throws
 * what a source throws.
 */
export async function* merge<Item>(
  sources: readonly AsyncIterable<Item>[],
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const given: { item: Item; goOn: () => void }[] = [];
  const failures: unknown[] = [];
  let left = sources.length;
  let wake: () => void = () => undefined;

  const take = async (source: AsyncIterable<Item>): Promise<void> => {
    try {
      for await (const item of source) {
        await new Promise<void>((goOn) => {
          given.push({ item, goOn });
          wake();
        });
      }
    } catch (error) {
      failures.push(error);
    }
    left--;
    wake();
  };

  for (const source of sources) void take(source);
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort);
  try {
    for (;;) {
      const next = given.shift();
      if (failures.length > 0) throw failures[0];
      if (next) {
        yield next.item;
        next.goOn();
      } else if (left === 0 || signal.aborted) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const { goOn } of given) goOn();
  }
}
