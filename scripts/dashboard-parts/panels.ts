/** The kinds of panels on the dashboard: how each looks. Types are Grafana's own, which says at build time what it would not understand. */
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  FieldColorModeId,
  type FieldConfig,
  type FieldConfigSource,
  LegendDisplayMode,
  type Panel,
  PercentChangeColorMode,
  type RowPanel,
  SortOrder,
  type Threshold,
  ThresholdsMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizOrientation,
} from "@grafana/schema";
import type { Options as StatOptions } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { Options as TableOptions } from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type {
  FieldConfig as LineConfig,
  Options as TimeSeriesOptions,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

/** The Prometheus that is chosen at the top of the dashboard. */
export const datasource = { type: "prometheus", uid: "$datasource" };

/** Width and height in Grafana's grid, which is 24 wide. */
export type Size = readonly [width: number, height: number];

/** A panel that has no place yet. */
export type Unplaced = Omit<Panel, "id" | "gridPos">;

interface Shown {
  title: string;
  /** What a reader may not know: behind the (i) of the panel. */
  description?: string;
  unit?: string;
}

/** PromQL by what its series are called in the legend. */
export type Queries = Readonly<Record<string, string>>;

const whenSomething = (color: string): Threshold[] => [
  { color: "green", value: null },
  { color, value: 1 },
];

/** Colors of a number: it is none to look at by its color; any but zero is to be looked at; any but zero is bad. */
export const neutral: Threshold[] = [{ color: "text", value: null }];
export const warning = whenSomething("orange");
export const bad = whenSomething("red");

/** One number, as it is now. @param none what is shown where there is no series */
export function stat(shown: Shown & { steps: Threshold[]; none?: string }, expression: string): Unplaced {
  const options: StatOptions = {
    colorMode: BigValueColorMode.Value,
    graphMode: BigValueGraphMode.None,
    justifyMode: BigValueJustifyMode.Auto,
    orientation: VizOrientation.Auto,
    percentChangeColorMode: PercentChangeColorMode.Standard,
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    showPercentChange: false,
    textMode: BigValueTextMode.Value,
    wideLayout: true,
  };
  const { steps, none } = shown;
  return {
    ...headed("stat", shown),
    targets: [{ ...instant(expression, "A"), format: "time_series" }],
    options: { ...options },
    fieldConfig: fields({
      ...colored(steps),
      ...(shown.unit ? { unit: shown.unit } : {}),
      ...(none ? { noValue: none } : {}),
    }),
  };
}

/** Lines over time. */
export function lines(shown: Shown, queries: Queries): Unplaced {
  const options: TimeSeriesOptions = {
    legend: { displayMode: LegendDisplayMode.List, placement: "bottom", showLegend: true, calcs: [] },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending, hideZeros: true },
  };
  const custom: LineConfig = {
    lineWidth: 1,
    fillOpacity: 8,
    showPoints: VisibilityMode.Never,
    spanNulls: false,
  };
  return {
    ...headed("timeseries", shown),
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      ...target(expr, letter(at)),
      range: true,
      legendFormat,
    })),
    options: { ...options },
    fieldConfig: fields({
      color: { mode: FieldColorModeId.PaletteClassicByName },
      custom: { ...custom },
      min: 0,
      unit: shown.unit ?? "short",
    }),
  };
}

/** A column of a table: the value of a query, or a label that its results have. */
export interface Column {
  title: string;
  query: string;
  label?: string;
  config?: FieldConfig;
}

/** A row for each thing, as it is now; what several queries say of it is brought together by the labels that all of them have. */
export function table(shown: Shown & { none?: string }, columns: readonly Column[]): Unplaced {
  const options: TableOptions = { frameIndex: 0, showHeader: true };
  const queries = [...new Set(columns.map(({ query }) => query))];
  // As Grafana calls them.
  const value = (query: string) =>
    queries.length > 1 ? `Value #${letter(queries.indexOf(query))}` : "Value";
  const names = columns.map(({ label, query }) => label ?? value(query));
  return {
    ...headed("table", shown),
    targets: queries.map((query, at) => ({ ...instant(query, letter(at)), format: "table" })),
    transformations: [
      { id: "merge", options: {} },
      {
        id: "filterFieldsByName",
        options: { include: { names } },
      },
      {
        id: "organize",
        options: {
          excludeByName: {},
          indexByName: Object.fromEntries(names.map((name, at) => [name, at])),
          renameByName: Object.fromEntries(names.map((name, at) => [name, columns[at]?.title ?? name])),
        },
      },
    ],
    options: { ...options },
    fieldConfig: {
      defaults: shown.none ? { noValue: shown.none } : {},
      overrides: columns.flatMap(({ title, config }) =>
        config
          ? [
              {
                matcher: { id: "byName", options: title },
                properties: Object.entries(config).flatMap(([id, value]) =>
                  id === "custom"
                    ? Object.entries(value as object).map(([key, of]) => ({ id: `custom.${key}`, value: of }))
                    : [{ id, value }],
                ),
              },
            ]
          : [],
      ),
    },
  };
}

/** The thresholds of a field, which give it its color. */
export function colored(steps: Threshold[]): FieldConfig {
  return {
    color: { mode: FieldColorModeId.Thresholds },
    thresholds: { mode: ThresholdsMode.Absolute, steps },
  };
}

/** Puts panels beside each other, and in the next line where there is no more room; a text is the heading of what follows. */
export function placed(panels: readonly (string | readonly [Size, Unplaced])[]): (Panel | RowPanel)[] {
  let [x, y, height] = [0, 0, 0];
  return panels.map((panel, at) => {
    const id = at + 1;
    const [w, h] = typeof panel === "string" ? [24, 1] : panel[0];
    if (x + w > 24) [x, y, height] = [0, y + height, 0];
    const gridPos = { x, y, w, h };
    [x, height] = [x + w, Math.max(height, h)];
    return typeof panel === "string"
      ? { type: "row", id, title: panel, collapsed: false, panels: [], gridPos }
      : { ...panel[1], id, gridPos };
  });
}

function headed(type: string, { title, description }: Shown): Unplaced {
  return { type, title, ...(description ? { description } : {}), datasource };
}

function target(expr: string, refId: string) {
  return { refId, datasource, editorMode: "code", expr };
}

function instant(expr: string, refId: string) {
  return { ...target(expr, refId), instant: true, range: false };
}

function fields(defaults: FieldConfig): FieldConfigSource {
  return { defaults, overrides: [] };
}

function letter(at: number): string {
  return String.fromCharCode(65 + at);
}
