/** A file system or a broker that does not answer must not keep the doctor from the rest. */
const defaultMs = 10_000;

/** What the look gives, or undefined when it takes too long. Throws what the look throws. */
export async function withPatience<T>(look: Promise<T>, patienceMs = defaultMs): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, patienceMs, undefined);
  });
  try {
    return await Promise.race([look, late]);
  } finally {
    clearTimeout(timer);
  }
}
