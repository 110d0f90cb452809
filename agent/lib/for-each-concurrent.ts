/** Many pieces of work that each wait for something else: some at a time instead of one after the other. */

/**
 * Resolves when all is done. After the first piece that fails no more are begun, what is under way is waited for, and then
 * it throws what that one threw.
 *
 * @param items asked for the next one when there is room for it, and not before
 * @param most at a time
 */
export async function forEachConcurrent<Item>(
  items: Iterable<Item>,
  most: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const goOn = async () => {
    while (failures.length === 0) {
      const next = left.next();
      if (next.done) return;
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: most }, goOn));
  if (failures.length > 0) throw failures[0];
}
