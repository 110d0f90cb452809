/** docs/dashboard.json: that it is what is written, and that Prometheus can read what it asks. What it shows is in test/e2e/prometheus.test.ts. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dashboard } from "../../scripts/dashboard-parts/dashboard.ts";
import { run, succeed } from "../support/compare.ts";
import { askedByPanels, labelsOf, metricsOf } from "../support/promql.ts";

setDefaultTimeout(300_000);
const root = join(import.meta.dir, "../..");
const panels = dashboard.panels ?? [];

test("the file is what scripts/dashboard writes", async () => {
  expect(await Bun.file(join(root, "docs/dashboard.json")).json()).toEqual(
    JSON.parse(JSON.stringify(dashboard)),
  );
});

test("Prometheus can read what each panel asks", async () => {
  const promtool = (await succeed(join(root, "scripts/prometheus"), "promtool")).trim();
  const asked = askedByPanels();
  const rules = asked.map(({ expression }, at) => ({ record: `panel:${at}`, expr: expression }));
  const check = async (listed: typeof rules) => {
    const file = join(tmpdir(), `panels-${crypto.randomUUID()}.yaml`);
    await Bun.write(file, JSON.stringify({ groups: [{ name: "panels", rules: listed }] })); // JSON is YAML
    try {
      return await run([promtool, "check", "rules", file]);
    } finally {
      await Bun.file(file).delete();
    }
  };
  const good = await check(rules);
  expect([good.code, good.errors, good.output]).toEqual([
    0,
    "",
    expect.stringContaining(`${asked.length} rules found`),
  ]);
  const broken = await check([{ record: "panel:broken", expr: `${asked[0]?.expression})` }]);
  expect([broken.code, broken.errors]).toEqual([1, expect.stringContaining("could not parse expression")]);
});

test("its panels stand beside each other, none on another, and each has a number of its own", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos }) => {
    if (!gridPos) throw new Error("a panel without a place");
    const { x, y, w, h } = gridPos;
    expect(x + w).toBeLessThanOrEqual(24);
    return Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`);
  });
  expect(new Set(cells).size).toBe(cells.length);
});

test("a table's columns are what its queries give: labels that they are grouped by, and values", () => {
  const tables = panels.filter(({ type }) => type === "table");
  expect(tables.length).toBeGreaterThan(0);
  for (const panel of tables) {
    if (!("targets" in panel)) throw new Error("a table that asks nothing");
    const targets = panel.targets ?? [];
    const labels = targets.flatMap(({ expr }) => labelsOf(String(expr)));
    // What Grafana calls the values depends on how many queries there are.
    const values = targets.map(({ refId }) => (targets.length > 1 ? `Value #${refId}` : "Value"));
    const shown = panel.transformations?.find(({ id }) => id === "filterFieldsByName")?.options;
    const columns = (shown as { include: { names: string[] } }).include.names;
    expect([...labels, ...values]).toEqual(expect.arrayContaining(columns));
    expect(new Set(columns).size).toBe(columns.length);
  }
});

test("what an expression names is found in it", () => {
  const expression =
    'sum by (role) (rate(a_total{job="j", result=~"x|y"}[5m])) > 0 and on (job) max(b) == bool 1';
  expect(metricsOf(expression)).toEqual([
    {
      name: "a_total",
      matchers: [
        { label: "job", words: ["j"] },
        { label: "result", words: ["x", "y"] },
      ],
    },
    { name: "b", matchers: [] },
  ]);
  expect(labelsOf(expression)).toEqual(["role", "job"]);
});
