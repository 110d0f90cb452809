/**
 * The commands of docs/getting-started.md, docs/troubleshooting.md and README.md, as they stand there and one after the other, in a Debian with
 * its own systemd. Only the broker's address and the ports of HTTP are other ones.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { canBoot, DebianMachine } from "../support/debian-machine.ts";
import { type Block, blocksOf, documentsThatAreRun, type RunDocument } from "../support/document-blocks.ts";
import { freePort } from "../support/free-port.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import {
  makeNextVersion,
  nextVersion,
  packageFile,
  packagesFolder,
  thisArchitecture,
} from "../support/packages.ts";
import { waitUntil } from "../support/wait.ts";

setDefaultTimeout(600_000);
const start = "docs/getting-started.md";
const trouble = "docs/troubleshooting.md";
let folder: string;
let kafka: Kafka;
let machine: DebianMachine;
let ports: readonly [uploader: number, downloader: number];
/** The headings whose commands were run, by document. */
const followed = new Map<RunDocument, string[]>(documentsThatAreRun.map((document) => [document, []]));

/** Where a reader may be, and the service's user may not. */
const home = "/root/first";
/** As far as these documents need it. */
const sudo = `#!/bin/sh
[ "$1" = -u ] || exec "$@"
user=$2
shift 2
exec setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
`;

beforeAll(async () => {
  if (!canBoot) return;
  kafka = await startKafka({ heap: "256m" });
  ports = [await freePort(), await freePort()];
  folder = await mkdtemp(join(tmpdir(), "streamsend-documents-"));
  const packages = join(folder, "packages");
  const deb = packageFile(thisArchitecture, "deb");
  await Bun.write(join(packages, basename(deb)), Bun.file(deb));
  await Bun.write(join(packages, "SHA256SUMS"), Bun.file(join(packagesFolder, "SHA256SUMS")));
  await makeNextVersion(deb, join(packages, "next"));
  machine = await DebianMachine.boot(folder, packages);
  await shell(`printf %s '${sudo}' > /usr/local/bin/sudo && chmod 755 /usr/local/bin/sudo`);
  await shell("cp /packages/*.deb /packages/SHA256SUMS .");
});

afterAll(async () => {
  await machine?.stop();
  await kafka?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

test.skipIf(!canBoot)("it is installed as getting started says", async () => {
  const output = await follow(start, "Install it on a Raspberry Pi");
  expect(output.split("\n")[0]).toBe(thisArchitecture);
  expect(output).toContain(".deb: OK\n");
  expect(output).toMatch(/^streamsend-agent \d/m);
});

test.skipIf(!canBoot)("a first file is sent, and waits at the brokers", async () => {
  expect(await follow(start, "The first file")).toMatch(/ sent .* by-hand .* hello\.txt/);
});

test.skipIf(!canBoot)("a first pipeline brings what is sent, watched, and made to try it", async () => {
  let output = "";
  for await (const { code, printed } of following(start, "The first pipeline")) {
    output += printed;
    if (code.includes("start streamsend-agent@trial")) await arrives("trial/streamsend-test-2.bin");
  }
  expect(output).toContain("hello from ");
  expect(output).not.toContain("FAIL ");
  await arrives("office/hello.txt");
  await shell(`cmp hello.txt /srv/inbox/office/hello.txt`);
  expect(await shell("systemctl is-enabled streamsend-agent@office streamsend-agent@inbox")).toBe(
    "enabled\nenabled",
  );
  expect(await shell("ls /srv/inbox /etc/streamsend/*.yaml")).not.toContain("trial");
  expect(await shell("systemctl --failed --no-legend")).toBe("");
});

test.skipIf(!canBoot)("it can be watched", async () => {
  await waitUntil("it is known as delivered", async () =>
    (await shell(`streamsend-agent find --set kafka.brokers=${kafka.bootstrap}`)).includes(
      "streamsend=delivered",
    ),
  );
  const output = await follow(start, "Watching it");
  expect(output).toContain("Active: active (running)");
  expect(output).toMatch(/ delivered .* hello\.txt/);
  expect(output).toContain("hello.txt: successfully processed");
});

test.skipIf(!canBoot)("an upgrade restarts what runs", async () => {
  await shell(`rm *.deb && cp /packages/next "streamsend-agent_${nextVersion}_${thisArchitecture}.deb"`);
  const before = await processes();
  await follow(start, "Upgrades");
  expect(await shell("dpkg-query -W streamsend-agent | cut -f 2")).toBe(nextVersion);
  await waitUntil("both are other processes", async () => {
    const now = await processes();
    return now.every((pid, index) => pid !== "0" && pid !== before[index]);
  });
  await waitUntil("both are at work", async () => (await states()) === "active\nactive");
});

test.skipIf(!canBoot)("what answers most questions has nothing to complain of here", async () => {
  const output = await follow(trouble, "Troubleshooting");
  expect(output).toMatch(/^uploader office, /m);
  expect(output).toMatch(/^downloader /m);
  expect(output).not.toContain("FAIL ");
});

test.skipIf(!canBoot)("a file that does not arrive is looked for", async () => {
  expect(await follow(trouble, "Nothing arrives")).toMatch(/ delivered .* hello\.txt/);
  await shell("echo hidden > /var/spool/outbox/.hidden.txt");
  const output = await follow(trouble, "A file is not sent");
  expect(output).toContain(" .hidden.txt\n");
  expect(output).not.toContain("hidden.txt:");
});

test.skipIf(!canBoot)("a file that may not be read is sent once it may", async () => {
  await shell("echo private > private.txt && install -m 600 private.txt /var/spool/outbox/private.txt");
  expect(await follow(trouble, "Permission denied")).toContain("/var/spool/outbox/private.txt\n");
  await arrives("office/private.txt");
});

test.skipIf(!canBoot)("what it waits for, and whom it can't reach, is looked at", async () => {
  const output = await follow(trouble, "It is not ready");
  expect(output).toMatch(/^uploader office on /m);
  expect(output).toMatch(/^downloader /m);
  expect(output.match(/^state +ready$/gm)).toHaveLength(2);
  expect(await follow(trouble, "No broker can be reached")).toMatch(/^ok +brokers: 1 reached/m);
  expect(await follow(trouble, "The disk is full")).toContain("/srv/inbox/.streamsend\n");
  expect(await follow(trouble, "The name is in use")).toContain("name: office\n");
  expect(await follow(trouble, "A 32-bit system")).toContain(`${thisArchitecture}\n64\n`);
  expect(await follow(trouble, "It is slow")).toMatch(/^ +in_flight: /m);
});

test.skipIf(!canBoot)("a file that was taken away at the destination comes again", async () => {
  await shell("rm /srv/inbox/office/hello.txt");
  await follow(trouble, "A file is gone or broken at the destination");
  await arrives("office/hello.txt");
});

test.skipIf(!canBoot)("memory, owners and receipts are looked at", async () => {
  expect(await follow(trouble, "It takes too much memory")).toMatch(/^RssAnon:\s+\d+ kB$/m);
  expect(await follow(trouble, "Wrong owner or mode")).toContain(
    "streamsend:streamsend 644 /srv/inbox/office/hello.txt\n",
  );
  expect(await follow(trouble, "A source was not deleted")).toContain("streamsend=delivered");
});

test.skipIf(!canBoot)("the log has no line a chunk any more", async () => {
  await follow(trouble, "The log fills the SD card");
  expect(await states()).toBe("active\nactive");
  await shell("cp hello.txt /var/spool/outbox/quiet.txt");
  await arrives("office/quiet.txt");
  let log = "";
  await waitUntil(
    "the journal has it",
    async () => {
      log = await shell('journalctl -o cat "_PID=$(systemctl show -P MainPID streamsend-agent@inbox)"');
      return log.includes("quiet.txt: merge complete");
    },
    { detail: () => log },
  );
  expect(log).not.toContain("final chunk");
});

test.skipIf(!canBoot)("the README's commands do what it says", async () => {
  for (const { code } of blocksOf("README.md").filter(({ language }) => language === "yaml")) {
    const [, role] = /^role: (\w+)$/m.exec(code) ?? [];
    if (role !== undefined) await shell(`cat > ${role}.yaml << 'END'\n${here(code)}END`);
  }
  await shell("cp hello.txt report.pdf && mkdir photos && cp hello.txt photos/a.jpg");
  const output = await follow("README.md", "Using it");
  expect(output).toContain("name: pos-0042\n");
  expect(output).toMatch(/ (?:sent|delivered) .* report\.pdf/);
  await arrives("pos-0042/hello.txt");
  await arrives("office/report.pdf");
  await arrives("office/a.jpg");
  await shell("streamsend-agent check --config downloader.yaml");
});

test.skipIf(!canBoot)("no commands were left out, and they were run in the documents' order", () => {
  for (const document of documentsThatAreRun) {
    const wanted = new Set(runnable(document).map(({ heading }) => heading));
    expect([document, followed.get(document)]).toEqual([document, [...wanted]]);
  }
});

/** Runs the commands under a heading, a block at a time; what each printed. */
async function* following(
  document: RunDocument,
  heading: string,
): AsyncGenerator<{ code: string; printed: string }> {
  followed.get(document)?.push(heading);
  const blocks = runnable(document).filter((block) => block.heading === heading);
  if (blocks.length === 0) throw new Error(`${document} has no commands under "${heading}"`);
  for (const { code } of blocks)
    yield { code, printed: await machine.succeed("bash", "-e", "-o", "pipefail", "-c", inHome(here(code))) };
}

/** All of them. */
async function follow(document: RunDocument, heading: string): Promise<string> {
  let output = "";
  for await (const { printed } of following(document, heading)) output += printed;
  return output;
}

function runnable(document: RunDocument): Block[] {
  return blocksOf(document).filter(({ language, notRun }) => language === "sh" && notRun === undefined);
}

/** With what is another address here. */
function here(code: string): string {
  return code
    .replaceAll(/kafka1:9092(?:, kafka2:9092)?/g, kafka.bootstrap)
    .replaceAll("127.0.0.1:9480", `127.0.0.1:${ports[0]}`)
    .replaceAll("127.0.0.1:9481", `127.0.0.1:${ports[1]}`);
}

function inHome(script: string): string {
  return `mkdir -p ${home} && cd ${home}\n${script}`;
}

async function shell(script: string): Promise<string> {
  return (await machine.succeed("bash", "-ec", inHome(script))).trim();
}

/** Waits for a file below the output. */
async function arrives(path: string): Promise<void> {
  let log = "";
  await waitUntil(
    `${path} has arrived`,
    async () => {
      const { code } = await machine.run("test", "-f", `/srv/inbox/${path}`);
      if (code !== 0) log = await shell("journalctl -n 60");
      return code === 0;
    },
    { timeoutMs: 180_000, detail: () => log },
  );
}

/** Of the uploader, then of the downloader. */
async function processes(): Promise<string[]> {
  return (await shell("systemctl show -P MainPID streamsend-agent@office streamsend-agent@inbox")).split(
    /\n+/,
  );
}

async function states(): Promise<string> {
  const { output } = await machine.run(
    "systemctl",
    "is-active",
    "streamsend-agent@office",
    "streamsend-agent@inbox",
  );
  return output.trim();
}
