import { expect, test } from "bun:test";
import { statusPage } from "../../../agent/http/page/status-page.ts";
import { printable } from "../../../agent/lib/printable.ts";

test("the page shows a name with the same escapes as the log", () => {
  const [source = ""] = /function printable\(text\) \{.*?\n\}/s.exec(statusPage) ?? [];
  const onPage = new Function(`${source} return printable;`)() as (text: string) => string;
  const points = [...Array.from({ length: 0x3000 }, (_, code) => code), 0xd800, 0xfeff, 0xe0041, 0x1f3ac];
  for (const point of points) {
    const name = `a${String.fromCodePoint(point)}b`;
    expect([point, onPage(name)]).toEqual([point, printable(name)]);
  }
  expect(onPage("a\u202eb")).toBe("a\\u202eb");
});
