/** Prometheus' text format (0.0.4), read strictly: what a scraper would stumble over is an error here. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Throws at the first line that is no good, and at a series that is there twice or without its type. */
export function parseMetrics(text: string): Sample[] {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const types = new Map<string, string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  for (const line of text.slice(0, -1).split("\n")) {
    const [, comment, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (comment === "TYPE") {
      if (types.has(name)) throw new Error(`a second type: ${line}`);
      if (rest !== "counter" && rest !== "gauge") throw new Error(`another type: ${line}`);
      types.set(name, rest);
    } else if (comment === undefined && line !== "") {
      const sample = parseSample(line);
      const series = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (seen.has(series)) throw new Error(`a series twice: ${line}`);
      if (!types.has(sample.name)) throw new Error(`no type before ${line}`);
      seen.add(series);
      samples.push(sample);
    }
  }
  return samples;
}

function parseSample(line: string): Sample {
  const [, name, inner = "", number] = sampleLine.exec(line) ?? [];
  if (name === undefined || number === undefined) throw new Error(`no sample: ${line}`);
  const value = Number(number);
  if (Number.isNaN(value)) throw new Error(`no number: ${line}`);
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  while (label.lastIndex < inner.length) {
    const [, key, escaped] = label.exec(inner) ?? [];
    if (key === undefined || escaped === undefined) throw new Error(`broken labels: ${line}`);
    labels[key] = escaped.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
  }
  return { name, labels, value };
}
