/** The page for people: one piece of HTML that asks /api/ and shows it, and a policy that allows it no more. */
import style from "./status-page.css" with { type: "text" };
import page from "./status-page.html" with { type: "text" };

/** The types know HTML and style only as something to be bundled. */
export const statusPage = String(page).replace("<style>", () => `<style>\n${style}`);

/** Its own script and style, told by their content, and requests to this agent; nothing else. */
export const statusPagePolicy = [
  "default-src 'none'",
  `script-src ${hashOf("script")}`,
  `style-src ${hashOf("style")}`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashOf(tag: "script" | "style"): string {
  const [, content = ""] = new RegExp(`<${tag}>(.*)</${tag}>`, "s").exec(statusPage) ?? [];
  return `'sha256-${new Bun.CryptoHasher("sha256").update(content).digest("base64")}'`;
}
