/** The package in a Debian 11, whose C library and systemd are older than those it was built with. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canBoot, DebianMachine } from "../support/debian-machine.ts";
import { sharedKafka } from "../support/kafka.ts";
import { packageFile, thisArchitecture } from "../support/packages.ts";
import { waitUntil } from "../support/wait.ts";

// The first time it makes the Debian, too.
setDefaultTimeout(900_000);
const topic = `files-${crypto.randomUUID()}`;
let folder: string;
let machine: DebianMachine;
/** The machine has this one's network. */
let broker: string;

beforeAll(async () => {
  if (!canBoot) return;
  broker = (await sharedKafka()).bootstrap;
  folder = await mkdtemp(join(tmpdir(), "streamsend-old-debian-"));
  await Bun.write(join(folder, "packages/now.deb"), Bun.file(packageFile(thisArchitecture, "deb")));
  machine = await DebianMachine.boot(folder, join(folder, "packages"), "bullseye");
});

afterAll(async () => {
  await machine?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

test.skipIf(!canBoot)("its services send a file and receive it", async () => {
  expect(await shell("ldd --version | head -1")).toMatch(/ 2\.31$/);
  await shell("dpkg --install /packages/now.deb");
  await shell(
    "mkdir /srv/outbox /srv/inbox && chown streamsend: /srv/inbox && head -c 3000000 /dev/urandom > /srv/outbox/file",
  );
  const kafka = `kafka: { brokers: ["${broker}"], topic: ${topic} }`;
  await start("out", `role: uploader\nname: out\n${kafka}\nuploader: { watch: [{ path: /srv/outbox }] }`);
  await start(
    "in",
    `role: downloader\n${kafka}\ndownloader: { output: /srv/inbox }\nhttp: { listen: "off" }`,
  );
  await waitUntil(
    "the file has arrived",
    async () => (await machine.run("test", "-e", "/srv/inbox/out/file")).code === 0,
    {
      timeoutMs: 120_000,
    },
  );
  await shell("cmp /srv/outbox/file /srv/inbox/out/file");
});

async function start(instance: string, settings: string): Promise<void> {
  await shell(`printf '%s\\n' '${settings}' > /etc/streamsend/${instance}.yaml`);
  await shell("mkdir -p /etc/systemd/system/streamsend-agent@.service.d");
  await shell(
    "printf '[Service]\\nReadWritePaths=/srv\\n' > /etc/systemd/system/streamsend-agent@.service.d/output.conf && systemctl daemon-reload",
  );
  await shell(`systemctl start streamsend-agent@${instance}`);
}

async function shell(script: string): Promise<string> {
  return (await machine.succeed("sh", "-ec", script)).trim();
}
