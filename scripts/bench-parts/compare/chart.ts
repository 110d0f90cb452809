/** A line chart as SVG: a few points of a few series, over an axis on which each step is ten times the one before. */

export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  title: string;
  /** What the axes count. */
  x: string;
  y: string;
  series: readonly Series[];
}

const width = 640;
const height = 360;
const margin = { left: 64, right: 24, top: 72, bottom: 52 };
const colours = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd"];

/** Needs one point at least, and every x above 0. */
export function lineChart({ title, x, y, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const xs = [...new Set(points.map(([at]) => at))].sort((a, b) => a - b);
  const step = niceStep(Math.max(...points.map(([, value]) => value)));
  const top = step * Math.max(1, Math.ceil(Math.max(...points.map(([, value]) => value)) / step));
  const [left = 1, right = 1] = [xs[0], xs.at(-1)];
  const place = (at: number, value: number) => {
    const along = right === left ? 0.5 : Math.log(at / left) / Math.log(right / left);
    return [
      margin.left + along * (width - margin.left - margin.right),
      height - margin.bottom - (value / top) * (height - margin.top - margin.bottom),
    ].map((coordinate) => Number(coordinate.toFixed(1))) as [number, number];
  };
  const parts = [
    label(width / 2, 20, title, "middle", 'font-weight="bold"'),
    ...xs.map((at) => label(place(at, 0)[0], height - margin.bottom + 18, shorten(at), "middle")),
    label(width / 2, height - 10, x, "middle"),
  ];
  for (let value = 0; value <= top; value += step) {
    const [, at] = place(left, value);
    parts.push(`<path d="M${margin.left} ${at}H${width - margin.right}" stroke="#bbb" stroke-width="0.5"/>`);
    parts.push(label(margin.left - 8, at + 4, shorten(value), "end"));
  }
  parts.push(label(margin.left - 8, margin.top - 14, y, "start"));
  for (const [at, { name, points }] of series.entries()) {
    const colour = colours[at % colours.length];
    const line = points.map(([px, py]) => place(px, py).join(" "));
    parts.push(`<path d="M${line.join("L")}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [px, py] of points) {
      const [cx, cy] = place(px, py);
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`);
    }
    parts.push(
      label(
        width - margin.right,
        margin.top - 14 - (series.length - 1 - at) * 16,
        name,
        "end",
        `fill="${colour}"`,
      ),
    );
  }
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#444">`;
  return [
    head,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** 1, 2 or 5 of a power of ten, so that four to eight of them reach the value. */
function niceStep(value: number): number {
  const rough = Math.max(value, Number.MIN_VALUE) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough) ?? 10;
  return factor * power;
}

/** 100000 as 100k: axes have little room. */
function shorten(value: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const)
    if (value >= size) return `${Number((value / size).toFixed(2))}${unit}`;
  return String(Number(value.toFixed(3)));
}

function label(x: number, y: number, text: string, anchor: string, more = ""): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" ${more}>${escaped}</text>`;
}
