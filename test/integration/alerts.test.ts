/** docs/alerts.yaml, by Prometheus' own tool. That agents have what it asks for is in test/e2e/prometheus.test.ts. */
import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { run, succeed } from "../support/compare.ts";
import { type Rules, readRules, rulesFile } from "../support/promql.ts";

const root = join(import.meta.dir, "../..");
const testsFile = join(import.meta.dir, "alerts.promtool.yaml");

interface Cases {
  tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
}

setDefaultTimeout(300_000);
let promtool: string;
let rules: Rules["groups"][number]["rules"];

beforeAll(async () => {
  promtool = (await succeed(join(root, "scripts/prometheus"), "promtool")).trim();
  rules = (await readRules()).groups.flatMap((group) => group.rules);
});

test("Prometheus loads the alert rules", async () => {
  const { code, output, errors } = await run([promtool, "check", "rules", rulesFile]);
  expect([code, output + errors]).toEqual([0, expect.stringContaining(`${rules.length} rules found`)]);
});

test("each alert fires when it has to, and is silent when all is well", async () => {
  const { code, output, errors } = await run([promtool, "test", "rules", testsFile]);
  expect([code, output, errors]).toEqual([0, expect.stringContaining("SUCCESS"), ""]);
  const cases = (parse(await Bun.file(testsFile).text()) as Cases).tests.flatMap(
    (one) => one.alert_rule_test,
  );
  const tried = (fires: boolean) =>
    cases.filter((one) => one.exp_alerts.length > 0 === fires).map(({ alertname }) => alertname);
  const names = rules.map(({ alert }) => alert).sort();
  expect(tried(true).sort()).toEqual(names);
  expect(tried(false).sort()).toEqual(names);
});

test("docs/operations.md sends its reader to that file, and knows each alert", async () => {
  const document = await Bun.file(join(root, "docs/operations.md")).text();
  expect(document).toContain("](alerts.yaml)");
  for (const { alert } of rules) expect(document).toContain(`\`${alert}\``);
});

test("the configuration in docs/operations.md is one that Prometheus takes", async () => {
  const document = await Bun.file(join(root, "docs/operations.md")).text();
  const [, shown = ""] = /### Prometheus and Grafana\n[^#]*?```yaml\n(.*?)```/s.exec(document) ?? [];
  const folder = await mkdtemp(join(tmpdir(), "streamsend-alerts-"));
  try {
    await Bun.write(join(folder, "prometheus.yaml"), shown);
    await copyFile(rulesFile, join(folder, "alerts.yaml"));
    const output = await succeed(promtool, "check", "config", join(folder, "prometheus.yaml"));
    expect(output).toContain("1 rule files found");
    expect(output).toContain(`${rules.length} rules found`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
