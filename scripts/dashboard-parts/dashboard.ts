/** The dashboard of a fleet: what is on it, and from which metrics (docs/operations.md, "Watching it"). */
import {
  type Dashboard,
  DashboardCursorSync,
  type FieldConfig,
  MappingType,
  TableCellDisplayMode,
  VariableRefresh,
  VariableSort,
} from "@grafana/schema";
import {
  bad,
  type Column,
  colored,
  datasource,
  lines,
  neutral,
  placed,
  stat,
  table,
  warning,
} from "./panels.ts";
import { eachMinute, filesOf, largest, of, ofRole } from "./queries.ts";

/** A column with one number of each agent. */
function each(title: string, metric: string, config?: FieldConfig, factor = ""): Column {
  return {
    title,
    query: `max by (job, instance) (${of(metric)})${factor}`,
    ...(config ? { config } : {}),
  };
}

const coloredText = { custom: { cellOptions: { type: TableCellDisplayMode.ColorText } } };

/** 1 is good, 0 is not. */
function yesOrNo(yes: string, no: string): FieldConfig {
  const options = { 1: { text: yes, color: "green" }, 0: { text: no, color: "red" } };
  return { ...coloredText, mappings: [{ type: MappingType.ValueToText, options }] };
}

const count = (steps = neutral): FieldConfig => ({ ...coloredText, ...colored(steps) });
const bytes: FieldConfig = { unit: "bytes", decimals: 0 };
const ago: FieldConfig = { unit: "dateTimeFromNow" };
const agoOrNever: FieldConfig = {
  ...ago,
  mappings: [{ type: MappingType.ValueToText, options: { 0: { text: "not since its start" } } }],
};
const milliseconds = " * 1000";

const onlyThisOne: FieldConfig = {
  links: [
    {
      title: "Only this agent",
      url: `/d/streamsend-fleet?\${datasource:queryparam}&\${job:queryparam}&var-instance=\${__value.raw}`,
    },
  ],
};

const firing = `count by (alertname, severity, instance) (${of("ALERTS", 'alertstate="firing"')})`;
const builds = `max by (job, instance, role, version) (${of("streamsend_build_info")})`;

const panels = placed([
  [[3, 4], stat({ title: "Agents", steps: neutral }, `count(${of("up")})`)],
  [[3, 4], stat({ title: "No answer", steps: bad }, `sum(${of("up")} == bool 0)`)],
  [[3, 4], stat({ title: "Not ready", steps: warning }, `sum(${of("streamsend_ready")} == bool 0)`)],
  [
    [3, 4],
    stat({ title: "Without brokers", steps: bad }, `sum(${of("streamsend_kafka_connected")} == bool 0)`),
  ],
  [[3, 4], stat({ title: "Failed files", steps: warning }, `sum(${of("streamsend_failed_files")})`)],
  [
    [3, 4],
    stat(
      { title: "Parked files", description: "There is no room for them, for the most part.", steps: warning },
      `sum(${of("streamsend_parked_files")})`,
    ),
  ],
  [[3, 4], stat({ title: "Files under way", steps: neutral }, `sum(${of("streamsend_incomplete_files")})`)],
  [
    [3, 4],
    stat(
      { title: "Last file stored", steps: neutral, unit: "dateTimeFromNow", none: "none yet" },
      `max(${ofRole("downloader", "streamsend_last_success_timestamp_seconds")}) * 1000 > 0`,
    ),
  ],
  [
    [12, 8],
    lines(
      { title: "Bytes", description: "Acknowledged by the brokers, and written to outputs.", unit: "Bps" },
      { "{{role}}s": `sum by (role) (rate(${of("streamsend_bytes_total")}[$__rate_interval]))` },
    ),
  ],
  [
    [12, 8],
    table({ title: "Alerts", description: "By the rules of docs/alerts.yaml.", none: "None" }, [
      { title: "Alert", query: firing, label: "alertname" },
      { title: "Severity", query: firing, label: "severity" },
      { title: "Agent", query: firing, label: "instance", config: onlyThisOne },
      { title: "Count", query: firing },
    ]),
  ],
  "Uploaders",
  [[8, 8], lines({ title: "Files a minute, by what became of them" }, { "{{result}}": filesOf("uploader") })],
  [
    [8, 8],
    lines(
      { title: "Files to send" },
      {
        waiting: `sum(${ofRole("uploader", "streamsend_waiting_files")})`,
        "under way": `sum(${ofRole("uploader", "streamsend_incomplete_files")})`,
      },
    ),
  ],
  [
    [8, 8],
    lines(
      { title: "Bytes in flight", description: "Read, and not acknowledged.", unit: "bytes" },
      { "in flight": `sum(${ofRole("uploader", "streamsend_in_flight_bytes")})` },
    ),
  ],
  "Downloaders",
  [
    [8, 8],
    lines({ title: "Files a minute, by what became of them" }, { "{{result}}": filesOf("downloader") }),
  ],
  [
    [8, 8],
    lines(
      {
        title: "Files to store",
        description: "What is sent and not stored: of the group that has the most.",
      },
      {
        "sent, not stored": `max(${ofRole("downloader", "streamsend_waiting_files")})`,
        "under way": `sum(${ofRole("downloader", "streamsend_incomplete_files")})`,
        parked: `sum(${ofRole("downloader", "streamsend_parked_files")})`,
      },
    ),
  ],
  [
    [8, 8],
    lines(
      { title: "Lag, in chunks", description: "From a downloader's position to the end of the topic." },
      { "{{instance}}": largest(ofRole("downloader", "streamsend_consumer_lag_chunks")) },
    ),
  ],
  "What went wrong, and was made good",
  [
    [8, 8],
    lines(
      { title: "Chunks a minute that were neither sent nor placed" },
      {
        "{{role}}: {{result}}": eachMinute(
          "role, result",
          of("streamsend_chunks_total", 'result!~"sent|placed"'),
        ),
      },
    ),
  ],
  [
    [8, 8],
    lines(
      { title: "Files a minute that went on after an interruption, by the way they took" },
      { "{{way}}": eachMinute("way", of("streamsend_recoveries_total")) },
    ),
  ],
  [
    [8, 8],
    lines(
      { title: "Lost in the topics, and asked for again, a minute" },
      {
        "offsets expired": `sum(rate(${of("streamsend_gaps_total")}[$__rate_interval])) * 60`,
        "asked for again": `sum(rate(${of("streamsend_needs_total")}[$__rate_interval])) * 60`,
        "ledger: {{result}}": eachMinute("result", of("streamsend_ledger_skipped_total")),
      },
    ),
  ],
  "Each agent",
  [
    [24, 10],
    table({ title: "Agents" }, [
      { title: "Agent", query: builds, label: "instance", config: onlyThisOne },
      { title: "Role", query: builds, label: "role" },
      { title: "Version", query: builds, label: "version" },
      each("Answers", "up", yesOrNo("yes", "no")),
      each("Ready", "streamsend_ready", yesOrNo("ready", "not ready")),
      each("Brokers", "streamsend_kafka_connected", yesOrNo("connected", "away")),
      each("Last file", "streamsend_last_success_timestamp_seconds", agoOrNever, milliseconds),
      each("Failed", "streamsend_failed_files", count(warning)),
      each("Parked", "streamsend_parked_files", count(warning)),
      each("Under way", "streamsend_incomplete_files", count()),
      each("Waiting", "streamsend_waiting_files", count()),
      each("Lag", "streamsend_consumer_lag_chunks", count()),
      each("In flight", "streamsend_in_flight_bytes", bytes),
      each("Memory", "process_resident_memory_bytes", bytes),
      each("Started", "process_start_time_seconds", ago, milliseconds),
      { title: "Job", query: builds, label: "job" },
    ]),
  ],
  [
    [6, 8],
    lines(
      { title: "Memory, the largest", unit: "bytes" },
      { "{{instance}}": largest(of("process_resident_memory_bytes")) },
    ),
  ],
  [
    [6, 8],
    lines(
      { title: "CPU, the most", description: "100 % is one core.", unit: "percentunit" },
      { "{{instance}}": largest(`rate(${of("process_cpu_seconds_total")}[$__rate_interval])`) },
    ),
  ],
  [
    [6, 8],
    lines(
      { title: "Starts within an hour, the most" },
      { "{{instance}}": largest(`changes(${of("process_start_time_seconds")}[1h])`) },
    ),
  ],
  [
    [6, 8],
    lines(
      { title: "Clocks, the most wrong", description: "Against Prometheus' own.", unit: "s" },
      {
        "{{instance}}": largest(
          `abs(${of("streamsend_time_seconds")} - timestamp(${of("streamsend_time_seconds")}))`,
        ),
      },
    ),
  ],
]);

const everything = { text: "All", value: "$__all" };

/** As Grafana imports it. */
export const dashboard: Dashboard = {
  uid: "streamsend-fleet",
  title: "Streamsend",
  description: "Uploaders and downloaders of streamsend-agent. Made by scripts/dashboard.",
  tags: ["streamsend"],
  schemaVersion: 42,
  editable: true,
  graphTooltip: DashboardCursorSync.Crosshair,
  time: { from: "now-6h", to: "now" },
  refresh: "30s",
  timezone: "browser",
  templating: {
    list: [
      { type: "datasource", name: "datasource", label: "Prometheus", query: "prometheus" },
      {
        type: "query",
        name: "job",
        label: "Job",
        datasource,
        query: "label_values(streamsend_build_info, job)",
        refresh: VariableRefresh.onTimeRangeChanged,
        sort: VariableSort.alphabeticalAsc,
        multi: true,
        includeAll: true,
        current: everything,
      },
      {
        type: "query",
        name: "instance",
        label: "Agent",
        datasource,
        query: 'label_values(streamsend_build_info{job=~"$job"}, instance)',
        refresh: VariableRefresh.onTimeRangeChanged,
        sort: VariableSort.naturalAsc,
        multi: true,
        includeAll: true,
        allValue: ".+",
        current: everything,
      },
    ],
  },
  panels,
};
