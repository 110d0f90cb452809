/** A real Prometheus beside real agents: what they tell is what dashboard and alert rules ask for, and the alerts come. */
import { afterEach, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { succeed } from "../support/compare.ts";
import { startKafka } from "../support/kafka.ts";
import { parseMetrics, type Sample } from "../support/prometheus.ts";
import { PrometheusServer } from "../support/prometheus-server.ts";
import { type Asked, askedByPanels, labelsOf, metricsOf, readRules, rulesFile } from "../support/promql.ts";
import { type AgentOptions, type Scene, type Settings, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const servers: PrometheusServer[] = [];
const token = "s3cret";
const withToken = { http: { listen: "127.0.0.1:0", token } };
/** What Prometheus itself adds. */
const ownMetrics = ["up", "ALERTS"];
const ownLabels = ["job", "instance", "alertname", "alertstate", "severity"];
/** Asks for alerts, of which there are none when all is well. */
const asksForAlerts = (asked: Asked) => asked.expression.includes("ALERTS");

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

interface Stage {
  source: string;
  uploader: AgentProcess;
  uploaderHttp: AgentHttp;
  downloader: AgentProcess;
  downloaderHttp: AgentHttp;
  prometheus: PrometheusServer;
}

/** An uploader that asks for a token, a downloader that does not, and a Prometheus that knows it; `others` are further scrapes of the uploader. */
async function openStage(
  scene: Scene,
  rules: string,
  kafka: Settings = {},
  others: Settings[] = [],
): Promise<Stage> {
  const source = await scene.folder("source");
  const options = (settings: Settings): AgentOptions => ({ kafka, settings });
  const uploader = await scene.uploader(source, options(withToken));
  const downloader = await scene.downloader(await scene.folder("output"), options(anyPort));
  const [uploaderHttp, downloaderHttp] = [await AgentHttp.of(uploader), await AgentHttp.of(downloader)];
  const at = (http: AgentHttp) => [{ targets: [http.address], labels: { job: "streamsend" } }];
  const prometheus = await PrometheusServer.start(await scene.folder("prometheus"), rules, [
    { job_name: "with-token", authorization: { credentials: token }, static_configs: at(uploaderHttp) },
    { job_name: "without", static_configs: at(downloaderHttp) },
    ...others.map((other, nth) => ({
      job_name: `other-${nth}`,
      ...other,
      static_configs: [{ targets: [uploaderHttp.address] }],
    })),
  ]);
  servers.push(prometheus);
  return { source, uploader, uploaderHttp, downloader, downloaderHttp, prometheus };
}

test("what agents tell is what dashboard and rules ask for, with and without a token", async () => {
  const scene = await openScene();
  const strangers = [{}, { authorization: { credentials: "wrong" } }];
  const { source, uploaderHttp, downloaderHttp, prometheus } = await openStage(
    scene,
    rulesFile,
    {},
    strangers,
  );
  await writeFile(join(source, "a.txt"), "a");
  const delivered = { role: "downloader", result: "delivered" };
  await waitUntil(
    "it is stored",
    async () => (await downloaderHttp.metric("streamsend_files_total", delivered)) === 1,
  );

  // The rules take what is left for what waits.
  const left = "streamsend_waiting_files + streamsend_incomplete_files + streamsend_consumer_lag_chunks";
  await waitUntil("nothing is left", async () => (await prometheus.query(`${left} == 0`)).length === 2);

  const texts = await Promise.all(
    [
      uploaderHttp.get("/metrics", { headers: { authorization: `Bearer ${token}` } }),
      downloaderHttp.get("/metrics"),
    ].map(async (response) => (await response).text()),
  );
  const promtool = (await succeed(join(import.meta.dir, "../../scripts/prometheus"), "promtool")).trim();
  for (const text of texts) expect(await complaintsOf(promtool, text)).toEqual(["", "", 0]);

  const targets = await waitUntil("all are asked", async () => {
    const found = await prometheus.targets();
    return found.length === 4 && found.every(({ health }) => health !== "unknown") && found;
  });
  const refused = "server returned HTTP status 401 Unauthorized";
  expect(targets.map(({ labels, lastError }) => `${labels.job}: ${lastError}`).sort()).toEqual([
    `other-0: ${refused}`,
    `other-1: ${refused}`,
    "streamsend: ",
    "streamsend: ",
  ]);

  const rules = (await readRules()).groups.flatMap((group) => group.rules);
  const judged = await waitUntil("the rules are judged", async () => {
    const found = await prometheus.rules();
    return found.every(({ health }) => health !== "unknown") && found;
  });
  expect(judged).toMatchObject(rules.map(({ alert: name }) => ({ name, health: "ok" })));

  const byRules = rules.map(({ alert, expr }) => ({ where: alert, expression: expr }));
  const samples = texts.flatMap(parseMetrics);
  expect([...byRules, ...askedByPanels()].flatMap((asked) => unknownOf(asked, samples))).toEqual([]);

  for (const { where, expression, shown } of askedByPanels().filter((asked) => !asksForAlerts(asked))) {
    const results = await waitUntil(`something is shown by ${where}`, async () => {
      const found = await prometheus.query(expression);
      return found.length > 0 && found;
    });
    for (const { labels } of results)
      expect([where, Object.keys(labels)]).toEqual([where, expect.arrayContaining(shown)]);
  }
  for (const { alert } of rules) expect([alert, await prometheus.firing(alert)]).toEqual([alert, []]);
  expect(prometheus.warnings).toEqual([]);
});

/** What Prometheus' own checker has against the metrics: all that it prints, and its exit code. */
async function complaintsOf(promtool: string, metrics: string): Promise<(string | number)[]> {
  const check = Bun.spawn([promtool, "check", "metrics"], {
    stdin: new Blob([metrics]),
    stdout: "pipe",
    stderr: "pipe",
  });
  return Promise.all([check.stdout.text(), check.stderr.text(), check.exited]);
}

/** Metrics, labels and words that an expression names, and no agent has. */
function unknownOf({ where, expression }: Omit<Asked, "shown">, samples: Sample[]): string[] {
  const unknown: string[] = [];
  const metrics = metricsOf(expression);
  const known = new Set(ownLabels);
  for (const { name, matchers } of metrics) {
    const found = samples.filter((sample) => sample.name === name);
    for (const { labels } of found) for (const label of Object.keys(labels)) known.add(label);
    if (ownMetrics.includes(name)) continue;
    if (found.length === 0) unknown.push(`${where}: ${name}`);
    for (const { label, words } of matchers.filter((matcher) => !ownLabels.includes(matcher.label)))
      for (const word of words)
        if (!found.some(({ labels }) => labels[label] === word))
          unknown.push(`${where}: ${name}{${label}="${word}"}`);
  }
  if (metrics.length === 0) unknown.push(`${where}: names no metric`);
  for (const label of labelsOf(expression)) if (!known.has(label)) unknown.push(`${where}: ${label}`);
  return unknown;
}

test("a metric, a label and a word that no agent has are found", () => {
  const samples = parseMetrics('# TYPE a counter\na{role="uploader"} 1\n');
  const asked = { where: "here", expression: 'sum by (way) (a{role="uploader|other"}) > b' };
  expect(unknownOf(asked, samples)).toEqual(['here: a{role="other"}', "here: b", "here: way"]);
});

test("an alert comes when the brokers are away, and one when an agent is; the first is over when they are back", async () => {
  const kafka = await startKafka();
  const scene = await openScene();
  try {
    const rules = await readRules();
    for (const rule of rules.groups.flatMap((group) => group.rules)) if (rule.for) rule.for = "1s";
    const impatient = await scene.configuration(rules as unknown as Settings);
    const stage = await openStage(scene, impatient, { brokers: kafka.bootstrap });
    const { prometheus, downloader } = stage;
    const both = [stage.uploaderHttp.address, stage.downloaderHttp.address].sort();
    const fires = (alert: string, instances: readonly string[]) =>
      waitUntil(
        `${alert} fires for ${instances.join(" and ") || "nobody"}`,
        async () => Bun.deepEquals(await prometheus.firing(alert), instances),
        { detail: () => stage.uploader.report() + downloader.report() },
      );
    const connected = () => prometheus.query("streamsend_kafka_connected == 1");
    await waitUntil("both are connected", async () => (await connected()).length === 2);
    await fires("BrokersAway", []);

    await kafka.kill();
    await fires("BrokersAway", both);
    const [panel] = askedByPanels().filter(asksForAlerts);
    const shown = await prometheus.query(panel?.expression ?? "");
    expect(shown.map(({ labels }) => labels)).toContainEqual(
      expect.objectContaining({ alertname: "BrokersAway", severity: "critical" }),
    );
    await kafka.restart();
    await fires("BrokersAway", []);

    await downloader.kill();
    await fires("AgentDown", [stage.downloaderHttp.address]);
    expect(prometheus.warnings).toEqual([]);
  } finally {
    await scene.close();
    await kafka.stop();
  }
});
