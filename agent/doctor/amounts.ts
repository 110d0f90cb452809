/** Amounts as people say them: nobody mends anything by the last digit. */

/** `1 folder`, `2 folders`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** `3 h`, `2.5 days`. */
export function about(ms: number): string {
  const units = [
    [86_400_000, "days"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ] as const;
  const [length, unit] = units.find(([unitMs]) => Math.abs(ms) >= 2 * unitMs) ?? [1, "ms"];
  return `${Number((ms / length).toPrecision(2))} ${unit}`;
}

/** `1.0 MiB`, `250 GiB`. */
export function aboutBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? bytes : amount.toPrecision(amount < 10 ? 2 : Math.floor(amount).toString().length)} ${units[power]}`;
}
