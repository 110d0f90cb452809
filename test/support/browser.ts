/** A page in a real browser, without a window, as a test works with it: by Chromium's DevTools protocol. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitUntil } from "./wait.ts";

type Answer = {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: { result?: { value?: unknown }; exceptionDetails?: unknown };
  error?: { message: string };
};

export class BrowserPage {
  readonly #socket: WebSocket;
  readonly #asked = new Map<number, (answer: Answer) => void>();
  /** What the page threw, or the browser refused it: by its policy, for instance. */
  readonly problems: string[] = [];
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(String(data)));
  }

  /** Opens `url` in a browser of its own, does the work, and ends the browser. */
  static async with(url: string, work: (page: BrowserPage) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "browser-"));
    const flags = ["--headless", "--no-sandbox", "--remote-debugging-port=0", `--user-data-dir=${folder}`];
    const browser = Bun.spawn(["chromium", ...flags, "about:blank"], { stdout: "ignore", stderr: "ignore" });
    try {
      const port = await waitUntil("the browser listens", async () => {
        const file = Bun.file(join(folder, "DevToolsActivePort"));
        // It is there for a moment before its content is.
        return (await file.exists()) && /^\d+(?=\n)/.exec(await file.text())?.[0];
      });
      const target = await fetch(`http://127.0.0.1:${port}/json/new?about:blank`, { method: "PUT" });
      const { webSocketDebuggerUrl } = (await target.json()) as { webSocketDebuggerUrl: string };
      const socket = new WebSocket(webSocketDebuggerUrl);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      [socket.onopen, socket.onerror] = [() => resolve(), () => reject(new Error("no DevTools"))];
      await promise;
      const page = new BrowserPage(socket);
      for (const domain of ["Runtime", "Log", "Page"]) await page.send(`${domain}.enable`);
      await page.send("Page.navigate", { url });
      await work(page);
      socket.close();
    } finally {
      browser.kill("SIGKILL");
      await browser.exited;
      // Its helpers may write for a moment longer.
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  }

  async send(method: string, params: object = {}): Promise<Answer> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#asked.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const answer = await promise;
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer;
  }

  /** What an expression is on the page. */
  async value<Value>(expression: string): Promise<Value> {
    const { result } = await this.send("Runtime.evaluate", { expression, returnByValue: true });
    if (result?.exceptionDetails) throw new Error(JSON.stringify(result.exceptionDetails));
    return result?.result?.value as Value;
  }

  /** What a promise on the page resolves with. */
  async resolved<Value>(expression: string): Promise<Value> {
    const { result } = await this.send("Runtime.evaluate", {
      ...{ expression, returnByValue: true, awaitPromise: true },
    });
    if (result?.exceptionDetails) throw new Error(JSON.stringify(result.exceptionDetails));
    return result?.result?.value as Value;
  }

  /** As on a screen that wide, by day or by night. @param scheme `light` or `dark` */
  async look(scheme: string, width: number): Promise<void> {
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    await this.send("Emulation.setEmulatedMedia", { features });
    const metrics = { width, height: 900, deviceScaleFactor: 1, mobile: width < 500 };
    await this.send("Emulation.setDeviceMetricsOverride", metrics);
  }

  /** Presses a key and lets it go. @param key a character, or a name as KeyboardEvent.key has it */
  async press(key: string): Promise<void> {
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const code = { Enter: 13, Tab: 9 }[key];
    const event = {
      key,
      ...(text === undefined ? {} : { text }),
      ...(code === undefined ? {} : { windowsVirtualKeyCode: code }),
    };
    await this.send("Input.dispatchKeyEvent", {
      type: text === undefined ? "rawKeyDown" : "keyDown",
      ...event,
    });
    await this.send("Input.dispatchKeyEvent", {
      type: "keyUp",
      key,
      ...(code === undefined ? {} : { windowsVirtualKeyCode: code }),
    });
  }

  /** A picture of its top, as PNG. */
  async picture(size: { width: number; height: number }): Promise<Buffer> {
    const clip = { x: 0, y: 0, ...size, scale: 1 };
    const { result } = await this.send("Page.captureScreenshot", { clip });
    return Buffer.from(String((result as { data?: unknown }).data), "base64");
  }

  /** Until the text of what a selector names has this in it; an empty text where there is none. */
  async waitForText(selector: string, text: string): Promise<void> {
    let last = "";
    await waitUntil(
      `${selector} says ${text}`,
      async () => {
        last = await this.value(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
        return last.includes(text);
      },
      { detail: () => `${last}\n${this.problems.join("\n")}` },
    );
  }

  #heard(answer: Answer): void {
    if (answer.id !== undefined) this.#asked.get(answer.id)?.(answer);
    else if (answer.method === "Runtime.exceptionThrown" || answer.method === "Log.entryAdded")
      this.problems.push(JSON.stringify(answer.params));
  }
}
