import { jsonSchema } from "../config/schema.ts";

/** The configuration's JSON Schema, for editors and other tools. */
export function formatSchema(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}
