/**
 * What `send` says while it sends: a line for each file that the brokers have, and on a terminal, below those, a bar for each that is
 * under way. Bars go to standard error and leave nothing behind; lines go to standard output.
 */
import type { Moving } from "../observe/status.ts";

/** A terminal, or what stands for one. */
export interface Screen {
  readonly columns: number;
  write(text: string): void;
}

export interface ProgressOptions {
  /** Where bars are drawn; undefined: nowhere. */
  screen: Screen | undefined;
  moving(): readonly Moving[];
  nowMs(): number;
}

interface Pace {
  bytes: number;
  atMs: number;
  /** Bytes a second. */
  rate: number | undefined;
}

const everyMs = 100;
/** A rate follows what is measured within about so long. */
const smoothMs = 3000;
const leastMeasuredMs = 250;
const mostBars = 16;
const barColumns = 20;

export class Progress {
  readonly #options: ProgressOptions;
  readonly #paces = new Map<string, Pace>();
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #drawn = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    if (options.screen) this.#timer = setInterval(() => this.draw(), everyMs);
  }

  draw(): void {
    const { screen, moving } = this.#options;
    if (!screen) return;
    const bars = moving().slice(0, mostBars);
    const lines = bars.map((file) => barOf(file, this.#rateOf(file), screen.columns));
    const names = new Set(bars.map(({ path }) => path));
    for (const path of this.#paces.keys()) if (!names.has(path)) this.#paces.delete(path);
    if (lines.length === 0 && this.#drawn === 0) return;
    screen.write(this.#taking() + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.length;
  }

  end(): void {
    clearInterval(this.#timer);
    this.clear();
  }

  /** Takes the bars away: something else is about to be written where they are. */
  clear(): void {
    if (this.#drawn > 0) this.#options.screen?.write(this.#taking());
    this.#drawn = 0;
  }

  /** To where the first bar begins, with nothing behind it. */
  #taking(): string {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}A\r\x1b[J` : "";
  }

  #rateOf({ path, bytes }: Moving): number | undefined {
    const nowMs = this.#options.nowMs();
    const pace = this.#paces.getOrInsertComputed(path, () => ({ bytes, atMs: nowMs, rate: undefined }));
    const tookMs = nowMs - pace.atMs;
    if (tookMs < leastMeasuredMs) return pace.rate;
    const measured = (Math.max(0, bytes - pace.bytes) * 1000) / tookMs;
    const weight = pace.rate === undefined ? 1 : Math.min(1, tookMs / smoothMs);
    const rate = (pace.rate ?? 0) * (1 - weight) + measured * weight;
    this.#paces.set(path, { bytes, atMs: nowMs, rate });
    return rate;
  }
}

/** `photos/a.jpg   45% [=========           ]  4.5 MB of 10.0 MB  1.2 MB/s  0:05`, shorter than the terminal is wide. */
export function barOf({ path, bytes, size }: Moving, rate: number | undefined, columns: number): string {
  const part = size === 0 ? 1 : Math.min(1, bytes / size);
  const filled = Math.floor(part * barColumns);
  const bar = `[${"=".repeat(filled)}${" ".repeat(barColumns - filled)}]`;
  const pace = rate === undefined ? "" : `  ${sizeText(rate)}/s  ${timeText((size - bytes) / rate)}`;
  const said = `${String(Math.floor(part * 100)).padStart(3)}% ${bar}  ${sizeText(bytes)} of ${sizeText(size)}${pace}`;
  // The last column would begin a new line.
  const room = Math.max(0, columns - 1);
  const forPath = room - said.length - 2;
  if (forPath < 8) return said.slice(0, room);
  const name = columnsOf(path) > forPath ? `…${endOf(path, forPath - 1)}` : path;
  return `${name}${" ".repeat(forPath - columnsOf(name))}  ${said}`;
}

/** The end of a name is what tells it from others. */
function endOf(text: string, columns: number): string {
  const characters = [...text];
  while (characters.length > 0 && columnsOf(characters.join("")) > columns) characters.shift();
  return characters.join("");
}

/** Bytes for people: `999 B`, `1.2 MB`. */
export function sizeText(bytes: number): string {
  const units = ["kB", "MB", "GB", "TB"];
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  let value = bytes;
  let unit = "";
  for (const next of units) {
    if (value < 999.95 && unit !== "") break;
    value /= 1000;
    unit = next;
  }
  return `${value.toFixed(1)} ${unit}`;
}

/** Seconds for people: `0:05`, `1:02:03`; nothing is known of what does not move. */
export function timeText(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds >= 360_000) return "-:--";
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function columnsOf(text: string): number {
  // biome-ignore lint/plugin: how wide a terminal shows a text nothing else tells.
  return Bun.stringWidth(text);
}
