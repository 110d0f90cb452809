/** What systemd hears of the executable; test/package has the real one. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openNotifySocket } from "../../agent/lib/notify-socket.ts";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { NotifyListener } from "../support/notify-listener.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

for (const role of ["uploader", "downloader"] as const) {
  test(`the ${role} is ready once it has read the ledger, says what it does, feeds the watchdog, and stops`, async () => {
    const scene = await openScene();
    const folder = await scene.folder("folder");
    const address = role === "uploader" ? join(await scene.folder("run"), "notify") : `@${scene.topic}`;
    const listener = new NotifyListener(address);
    try {
      const options = { env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000000" } };
      const agent = await (role === "uploader"
        ? scene.uploader(folder, options)
        : scene.downloader(folder, options));
      const has = (line: RegExp) => listener.lines.some((said) => line.test(said));
      const heard = (line: RegExp) =>
        waitUntil(`systemd hears ${line}`, () => has(line), {
          detail: () => `${listener.lines.join("\n")}\n${agent.report()}`,
        });
      await heard(/^READY=1$/);
      const fed = () => listener.lines.filter((line) => line === "WATCHDOG=1").length;
      await waitUntil("the watchdog is fed again and again", () => fed() > 3);
      expect(listener.lines.indexOf("READY=1")).toBeLessThan(listener.lines.indexOf("WATCHDOG=1"));
      if (role === "uploader") {
        await writeFile(join(folder, "a.txt"), "a");
        await heard(/^STATUS=files: 1 sent$/);
      }
      expect(await agent.stop()).toBe(true);
      expect(has(/^STOPPING=1$/)).toBe(true);
    } finally {
      await listener.close();
    }
  });
}

test("while no broker can be reached it is not ready, and says why", async () => {
  const scene = await openScene();
  const address = join(await scene.folder("run"), "notify");
  const listener = new NotifyListener(address);
  try {
    const agent = await scene.uploader(await scene.folder("source"), {
      env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000000", STREAMSEND_KAFKA_BROKERS: "127.0.0.1:1" },
    });
    const why = /^STATUS=.*no broker can be reached/;
    await waitUntil("it says why", () => listener.lines.some((line) => why.test(line)), {
      detail: () => `${listener.lines.join("\n")}\n${agent.report()}`,
    });
    expect(listener.lines).not.toContain("READY=1");
    expect(listener.lines).not.toContain("WATCHDOG=1");
  } finally {
    await listener.close();
  }
});

test("a systemd that is behind hears later that it is ready", async () => {
  const scene = await openScene();
  const address = join(await scene.folder("run"), "notify");
  const listener = new NotifyListener(address);
  try {
    const other = openNotifySocket(address);
    while (other?.("STATUS=of another service"));
    const agent = await scene.uploader(await scene.folder("source"), {
      env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000000" },
      settings: anyPort,
    });
    const http = await AgentHttp.of(agent);
    await waitUntil("it is ready", async () => (await http.get("/readyz")).status === 200);
    await waitUntil("systemd hears it", () => listener.lines.includes("READY=1"), {
      detail: () => `${listener.lines.join("\n")}\n${agent.report()}`,
    });
  } finally {
    await listener.close();
  }
});
