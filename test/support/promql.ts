/** What the dashboard and the alert rules ask of Prometheus: their expressions, and the metrics and labels that these name. */
import { join } from "node:path";
import { parse } from "yaml";
import { dashboard } from "../../scripts/dashboard-parts/dashboard.ts";

export const rulesFile = join(import.meta.dir, "../../docs/alerts.yaml");

/** docs/alerts.yaml. */
export interface Rules {
  groups: { name: string; rules: { alert: string; expr: string; for?: string }[] }[];
}

export async function readRules(): Promise<Rules> {
  return parse(await Bun.file(rulesFile).text()) as Rules;
}

/** An expression, where it is, and what its result is shown with. */
export interface Asked {
  where: string;
  expression: string;
  /** The labels in its legend. */
  shown: string[];
}

/** What the panels ask, as Grafana would fill it in when all agents are chosen. */
export function askedByPanels(): Asked[] {
  return (dashboard.panels ?? []).flatMap((panel) => {
    if (!("targets" in panel)) return [];
    return (panel.targets ?? []).map(({ expr, legendFormat }) => ({
      where: `panel ${panel.title}`,
      expression: filledIn(String(expr)),
      shown: [...String(legendFormat ?? "").matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label),
    }));
  });
}

function filledIn(expression: string): string {
  const filled = expression
    .replaceAll("$job", "streamsend")
    .replaceAll("$instance", ".+")
    .replaceAll("$__rate_interval", "5m");
  if (filled.includes("$")) throw new Error(`another variable: ${filled}`);
  return filled;
}

export interface Matcher {
  label: string;
  /** The words that it is compared with. */
  words: string[];
}

const keywords = new Set(["and", "or", "unless", "bool", "offset"]);
const chosenLabels = /\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** Each metric with the matchers behind it. */
export function metricsOf(expression: string): { name: string; matchers: Matcher[] }[] {
  const withoutLabels = expression.replace(chosenLabels, "").replace(/\[[^\]]*\]/g, "");
  return [...withoutLabels.matchAll(/([a-zA-Z_:][\w:]*)(?!\w|\s*\()(?:\{([^}]*)\})?/g)]
    .filter(([, name = ""]) => !keywords.has(name))
    .map(([, name = "", inner = ""]) => ({
      name,
      matchers: [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].map(
        ([, label = "", words = ""]) => ({
          label,
          words: words.split("|"),
        }),
      ),
    }));
}

/** Labels that results are grouped or joined by. */
export function labelsOf(expression: string): string[] {
  return [...expression.matchAll(chosenLabels)].flatMap(([, , labels = ""]) => labels.split(/\s*,\s*/));
}
