/** docs/alerts.yaml, by Prometheus' own tool, and against what an agent really exports. */
import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { parse } from "yaml";
import { Metrics } from "../../agent/observe/metrics.ts";
import { run } from "../support/compare.ts";
import { parseMetrics } from "../support/prometheus.ts";

const root = join(import.meta.dir, "../..");
const rulesFile = join(root, "docs/alerts.yaml");
const testsFile = join(import.meta.dir, "alerts.promtool.yaml");

interface Rules {
  groups: { rules: { alert: string; expr: string }[] }[];
}

interface Cases {
  tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
}

setDefaultTimeout(300_000);
let promtool: string;
let rules: Rules["groups"][number]["rules"];

beforeAll(async () => {
  const { code, output, errors } = await run([join(root, "scripts/promtool")]);
  if (code !== 0) throw new Error(errors);
  promtool = output.trim();
  rules = (parse(await Bun.file(rulesFile).text()) as Rules).groups.flatMap((group) => group.rules);
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

test("each metric and label that a rule names is one that an agent has", async () => {
  const samples = (
    await Promise.all((["uploader", "downloader"] as const).map((role) => new Metrics(role, "1").text()))
  ).flatMap(parseMetrics);
  for (const { alert, expr } of rules) {
    const named = [...expr.matchAll(/\b((?:streamsend|process)_\w+)(?:\{result=~"([\w|]+)"\})?/g)];
    for (const [, name, results] of named) {
      const found = samples.filter((sample) => sample.name === name);
      expect([alert, name, found.length > 0]).toEqual([alert, name, true]);
      for (const result of results?.split("|") ?? [])
        expect([alert, result, found.some(({ labels }) => labels.result === result)]).toEqual([
          alert,
          result,
          true,
        ]);
    }
  }
});

test("docs/operations.md sends its reader to that file, and knows each alert", async () => {
  const document = await Bun.file(join(root, "docs/operations.md")).text();
  expect(document).toContain("](alerts.yaml)");
  for (const { alert } of rules) expect(document).toContain(`\`${alert}\``);
});
