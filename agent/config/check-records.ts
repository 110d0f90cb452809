import type { Problems } from "./problems.ts";
import type { Settings } from "./schema.ts";
import type { Path } from "./tree.ts";

type Column = Settings["uploader"]["records"]["sources"][number]["columns"][number];
type Type = Column["type"];

/** The keys that only some types of columns have, and those that a type needs. */
const TYPES_WITH: Readonly<Record<"value" | "path" | "default" | "raw" | "jsonnet", Type>> = {
  value: "static",
  path: "path",
  default: "path",
  raw: "path",
  jsonnet: "template",
};
const NEEDED: readonly (keyof typeof TYPES_WITH)[] = ["value", "path", "jsonnet"];

/** What the keys of `uploader.records` and of `downloader.tables` have to be to each other. */
export function checkRecords({ uploader, downloader }: Settings, problems: Problems): void {
  const { project, sources } = uploader.records;
  const at = ["uploader", "records"];
  if (sources.length > 0 && project === undefined) {
    problems.add([...at, "project"], "required with uploader.records.sources");
  }
  for (const [index, { id, secrets, columns }] of sources.entries()) {
    const path = [...at, "sources", index];
    const first = sources.findIndex((source) => source.id === id);
    if (first < index) problems.add([...path, "id"], `is that of uploader.records.sources.${first}`, id);
    for (const [number, { value, file }] of secrets.entries()) {
      if (value === undefined && file === undefined) {
        problems.add([...path, "secrets", number, "file"], "required, or value");
      }
    }
    checkColumns(columns, [...path, "columns"], problems);
  }
  checkTables(downloader.tables, problems);
}

function checkColumns(columns: readonly Column[], at: Path, problems: Problems): void {
  for (const [index, column] of columns.entries()) {
    const { name, type } = column;
    // Databases differ in whether letter case tells names apart.
    const first = columns.findIndex((other) => other.name.toLowerCase() === name.toLowerCase());
    if (first < index) problems.add([...at, index, "name"], "is that of another column", name);
    for (const [key, owner] of Object.entries(TYPES_WITH) as [keyof typeof TYPES_WITH, Type][]) {
      const isGiven = column[key] !== undefined && column[key] !== false;
      if (isGiven && type !== owner) problems.add([...at, index, key], `is only for type: ${owner}`);
      if (!isGiven && type === owner && NEEDED.includes(key)) {
        problems.add([...at, index, key], `required for type: ${type}`);
      }
    }
  }
}

function checkTables({ staging, sinks }: Settings["downloader"]["tables"], problems: Problems): void {
  const at = ["downloader", "tables"];
  if (staging.directory !== undefined && staging.s3 !== undefined) {
    problems.add([...at, "staging", "s3"], "is given besides downloader.tables.staging.directory");
  }
  for (const [index, { target, password }] of sinks.entries()) {
    if (password !== undefined && !target.startsWith("postgres")) {
      problems.add([...at, "sinks", index, "password"], "is only for postgres");
    }
  }
}
