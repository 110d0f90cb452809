/** Short pairs that travel with a file, as its last chunk and its entries have them: a JSON object of texts. */
import { textBytes } from "../lib/bounded-map.ts";
import { mapOf, type Shape, ShapeError, textThat } from "../lib/json-shape.ts";
import { limits } from "./limits.ts";

/** At least one pair: what has none has no attributes at all. */
export type Attributes = Readonly<Record<string, string>>;

/** Of what a name is made. */
export const attributeNameRule = new RegExp(`^[a-z0-9._-]{1,${limits.attributeName}}$`);

/** Whether a text is short enough for a value. */
export function fitsAttributeValue(text: string): boolean {
  return Buffer.byteLength(text) <= limits.attributeValue;
}

/** Whether pairs that are good each are small enough together. */
export function fitsAttributes(attributes: Attributes): boolean {
  return Buffer.byteLength(encodeAttributes(attributes)) <= limits.attributesText;
}

// Half a character would be another one on its way: UTF-8 has no halves.
const isValue = (text: string) => fitsAttributeValue(text) && text.isWellFormed();
const pairs = mapOf(textThat(isValue), (name) => attributeNameRule.test(name), limits.attributes);

/** Of parsed JSON. */
export const attributesShape: Shape<Attributes> = (value) => {
  const attributes = pairs(value);
  if (!someAttributes(attributes) || !fitsAttributes(attributes))
    throw new ShapeError("are no pairs, or too long together");
  return attributes;
};

/** As a record's header, and as a part of an entry. */
export function encodeAttributes(attributes: Attributes): string {
  return JSON.stringify(attributes);
}

/** What a text says, `undefined` when it is none that has attributes. */
export function decodeAttributes(text: string): Attributes | undefined {
  if (text.length > limits.attributesText) return undefined;
  try {
    return attributesShape(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ShapeError) return undefined;
    throw error;
  }
}

/** As records have them: none instead of an empty set. */
export function someAttributes(attributes: Attributes | undefined): Attributes | undefined {
  return attributes && Object.keys(attributes).length > 0 ? attributes : undefined;
}

/** About what they take in memory. */
export function attributesBytes(attributes: Attributes | undefined): number {
  if (!attributes) return 0;
  return Object.entries(attributes).reduce(
    (sum, [name, value]) => sum + textBytes(name) + textBytes(value),
    100,
  );
}
