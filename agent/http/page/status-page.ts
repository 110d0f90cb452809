/** The page for people: one piece of HTML that asks /api/ and shows it, and a policy that allows it no more. */
import charts from "./charts.html" with { type: "text" };
import lists from "./lists.css" with { type: "text" };
import live from "./live.html" with { type: "text" };
import page from "./page.html" with { type: "text" };
import parts from "./parts.html" with { type: "text" };
import search from "./search.html" with { type: "text" };
import style from "./style.css" with { type: "text" };

// The types know HTML and style only as something to be bundled.
const scripts = [parts, charts, search, live].map((script) => String(script).replace(/^<!--.*-->\n/, ""));

export const statusPage = String(page)
  .replace("<style>", () => `<style>\n${style}${lists}`)
  .replace("</body>", () => `${scripts.join("")}</body>`);

/** Its own scripts and style, told by their content, and requests to this agent; nothing else. */
export const statusPagePolicy = [
  "default-src 'none'",
  `script-src ${hashesOf("script")}`,
  `style-src ${hashesOf("style")}`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashesOf(tag: "script" | "style"): string {
  const hashOf = (content: string) => new Bun.CryptoHasher("sha256").update(content).digest("base64");
  return Array.from(
    statusPage.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, "gs")),
    ([, content = ""]) => `'sha256-${hashOf(content)}'`,
  ).join(" ");
}
