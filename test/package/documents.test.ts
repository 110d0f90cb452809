/**
 * The commands of docs/getting-started.md, docs/troubleshooting.md and README.md, as they stand there and one after the other, in a Debian with
 * its own systemd. Only the broker's addresses and its login, and the ports of HTTP, are other ones.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { canBoot, DebianMachine } from "../support/debian-machine.ts";
import { documentsThatAreRun } from "../support/document-blocks.ts";
import { DocumentReader } from "../support/document-reader.ts";
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
let certificates: Certificates;
let machine: DebianMachine;
let reader: DocumentReader;
let ports: readonly [uploader: number, downloader: number];
const password = "correct horse";

beforeAll(async () => {
  if (!canBoot) return;
  folder = await mkdtemp(join(tmpdir(), "streamsend-documents-"));
  certificates = await makeCertificates(folder);
  const login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  kafka = await startKafka({
    heap: "256m",
    listeners: [{ name: "SECURE", protocol: "SASL_SSL" }],
    settings: {
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": certificates.broker,
      "sasl.enabled.mechanisms": "PLAIN",
      "listener.name.secure.plain.sasl.jaas.config": `${login} user_office="${password}";`,
    },
  });
  ports = [freePort(), freePort()];
  const packages = join(folder, "packages");
  const deb = packageFile(thisArchitecture, "deb");
  await Bun.write(join(packages, basename(deb)), Bun.file(deb));
  await Bun.write(join(packages, "SHA256SUMS"), Bun.file(join(packagesFolder, "SHA256SUMS")));
  await Bun.write(join(packages, "ca.pem"), Bun.file(certificates.ca));
  await makeNextVersion(deb, join(packages, "next"));
  machine = await DebianMachine.boot(folder, packages);
  reader = new DocumentReader(machine, adapt);
  await reader.settle();
  await reader.shell("cp /packages/*.deb /packages/SHA256SUMS .");
});

afterAll(async () => {
  await machine?.stop();
  await kafka?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

test.skipIf(!canBoot)("it is installed as getting started says", async () => {
  const output = await reader.follow(start, "Install it on a Raspberry Pi");
  expect(output.split("\n")[0]).toBe(thisArchitecture);
  expect(output).toContain(".deb: OK\n");
  expect(output).toMatch(/^streamsend-agent \d/m);
});

test.skipIf(!canBoot)("a first file is sent, and waits at the brokers", async () => {
  expect(await reader.follow(start, "The first file")).toMatch(/ sent .* by-hand .* hello\.txt/);
});

test.skipIf(!canBoot)("a first pipeline brings what is sent, watched, and made to try it", async () => {
  let output = "";
  for await (const { code, printed } of reader.following(start, "The first pipeline")) {
    output += printed;
    if (code.includes("start streamsend-agent@trial")) await reader.arrives("trial/streamsend-test-2.bin");
  }
  expect(output).toContain("hello from ");
  expect(output).not.toContain("FAIL ");
  await reader.arrives("office/hello.txt");
  await reader.shell(`cmp hello.txt /srv/inbox/office/hello.txt`);
  expect(await reader.shell("systemctl is-enabled streamsend-agent@office streamsend-agent@inbox")).toBe(
    "enabled\nenabled\n",
  );
  expect(await reader.shell("ls /srv/inbox /etc/streamsend/*.yaml")).not.toContain("trial");
  expect(await reader.shell("systemctl --failed --no-legend")).toBe("");
});

test.skipIf(!canBoot)("it logs in over TLS with a password that only root can read", async () => {
  const [configuration = ""] = reader.configurations(start, "Security");
  const secure = configuration.replace("scram-sha-512", "plain");
  // Instead of somebody who types it.
  await reader.addCommand("systemd-ask-password", `#!/bin/sh\nprintf "${password}"\n`);
  await reader.shell(
    `cp /packages/ca.pem /etc/streamsend/ && cd /etc/streamsend && cp office.yaml office.before && cat > office.yaml << 'END'\n${secure}END`,
  );
  const output = await reader.follow(start, "Security");
  expect(output).toMatch(/^ok +login: plain as office$/m);
  expect(output).not.toContain("FAIL ");
  await reader.shell("cp hello.txt /var/spool/outbox/secure.txt");
  await reader.arrives("office/secure.txt");
  await reader.shell(
    "cd /etc/streamsend && mv office.before office.yaml && rm -r /etc/systemd/system/streamsend-agent@office.service.d && systemctl daemon-reload && systemctl restart streamsend-agent@office",
  );
});

test.skipIf(!canBoot)("it can be watched", async () => {
  await waitUntil("it is known as delivered", async () =>
    (await reader.shell(`streamsend-agent find --set kafka.brokers=${kafka.bootstrap}`)).includes(
      "streamsend=delivered",
    ),
  );
  const output = await reader.follow(start, "Watching it");
  expect(output).toContain("Active: active (running)");
  expect(output).toMatch(/ delivered .* hello\.txt/);
  expect(output).toContain("INFO [office] uploader office: brokers ");
});

test.skipIf(!canBoot)("an upgrade restarts what runs", async () => {
  await reader.shell(
    `rm *.deb && cp /packages/next "streamsend-agent_${nextVersion}_${thisArchitecture}.deb"`,
  );
  const before = await processes();
  await reader.follow(start, "Upgrades");
  expect(await reader.shell("dpkg-query -W streamsend-agent | cut -f 2")).toBe(`${nextVersion}\n`);
  await waitUntil("both are other processes", async () => {
    const now = await processes();
    return now.every((pid, index) => pid !== "0" && pid !== before[index]);
  });
  await waitUntil("both are at work", async () => (await states()) === "active\nactive");
});

test.skipIf(!canBoot)("what answers most questions has nothing to complain of here", async () => {
  const output = await reader.follow(trouble, "Troubleshooting");
  expect(output).toMatch(/^uploader office, /m);
  expect(output).toMatch(/^downloader /m);
  expect(output).not.toContain("FAIL ");
});

test.skipIf(!canBoot)("a file that does not arrive is looked for", async () => {
  expect(await reader.follow(trouble, "Nothing arrives")).toMatch(/ delivered .* hello\.txt/);
  await reader.shell("echo hidden > /var/spool/outbox/.hidden.txt");
  const output = await reader.follow(trouble, "A file is not sent");
  expect(output).toContain(" .hidden.txt\n");
  expect(output).not.toContain("hidden.txt:");
});

test.skipIf(!canBoot)("a file that may not be read is sent once it may", async () => {
  await reader.shell(
    "echo private > private.txt && install -m 600 private.txt /var/spool/outbox/private.txt",
  );
  expect(await reader.follow(trouble, "Permission denied")).toContain("/var/spool/outbox/private.txt\n");
  await reader.arrives("office/private.txt");
});

test.skipIf(!canBoot)("what it waits for, and whom it can't reach, is looked at", async () => {
  const output = await reader.follow(trouble, "It is not ready");
  expect(output).toMatch(/^uploader office on /m);
  expect(output).toMatch(/^downloader /m);
  expect(output.match(/^state +ready$/gm)).toHaveLength(2);
  expect(await reader.follow(trouble, "No broker can be reached")).toMatch(/^ok +brokers: 1 reached/m);
  expect(await reader.follow(trouble, "The disk is full")).toContain("/srv/inbox/.streamsend\n");
  expect(await reader.follow(trouble, "The name is in use")).toContain("name: office\n");
  expect(await reader.follow(trouble, "A 32-bit system")).toContain(`${thisArchitecture}\n64\n`);
  expect(await reader.follow(trouble, "It is slow")).toMatch(/^ +in_flight: /m);
});

test.skipIf(!canBoot)("a file that was taken away at the destination comes again", async () => {
  await reader.shell("rm /srv/inbox/office/hello.txt");
  await reader.follow(trouble, "A file is gone or broken at the destination");
  await reader.arrives("office/hello.txt");
});

test.skipIf(!canBoot)("memory, owners and receipts are looked at", async () => {
  expect(await reader.follow(trouble, "It takes too much memory")).toMatch(/^RssAnon:\s+\d+ kB$/m);
  expect(await reader.follow(trouble, "Wrong owner or mode")).toContain(
    "streamsend:streamsend 644 /srv/inbox/office/hello.txt\n",
  );
  expect(await reader.follow(trouble, "A source was not deleted")).toContain("streamsend=delivered");
});

test.skipIf(!canBoot)("the log has no line a chunk any more", async () => {
  await reader.follow(trouble, "The log fills the SD card");
  expect(await states()).toBe("active\nactive");
  await reader.shell("cp hello.txt /var/spool/outbox/quiet.txt");
  await reader.arrives("office/quiet.txt");
  let log = "";
  await waitUntil(
    "the journal has it",
    async () => {
      log = await reader.shell(
        'journalctl -o cat "_PID=$(systemctl show -P MainPID streamsend-agent@inbox)"',
      );
      return log.includes("quiet.txt: merge complete");
    },
    { detail: () => log },
  );
  expect(log).not.toContain("final chunk");
});

test.skipIf(!canBoot)("the README's commands do what it says", async () => {
  for (const code of reader.configurations("README.md", "Using it")) {
    const [, role] = /^role: (\w+)$/m.exec(code) ?? [];
    if (role !== undefined) await reader.shell(`cat > ${role}.yaml << 'END'\n${code}END`);
  }
  await reader.shell("cp hello.txt report.pdf && mkdir photos && cp hello.txt photos/a.jpg");
  const output = await reader.follow("README.md", "Using it");
  expect(output).toContain("name: pos-0042\n");
  expect(output).toMatch(/ (?:sent|delivered) .* report\.pdf/);
  await reader.arrives("pos-0042/hello.txt");
  await reader.arrives("office/report.pdf");
  await reader.arrives("office/a.jpg");
  await reader.shell("streamsend-agent check --config downloader.yaml");
});

test.skipIf(!canBoot)("no commands were left out, and they were run in the documents' order", () => {
  for (const document of documentsThatAreRun) {
    const { wanted, followed } = reader.progress(document);
    expect([document, followed]).toEqual([document, wanted]);
  }
});

/** With what is another address here. */
function adapt(text: string): string {
  return text
    .replaceAll(/kafka1:9092(?:, kafka2:9092)?/g, kafka.bootstrap)
    .replaceAll("kafka1:9093", kafka.listener("SECURE"))
    .replaceAll("127.0.0.1:9480", `127.0.0.1:${ports[0]}`)
    .replaceAll("127.0.0.1:9481", `127.0.0.1:${ports[1]}`);
}

/** Of the uploader, then of the downloader. */
async function processes(): Promise<string[]> {
  return (await reader.shell("systemctl show -P MainPID streamsend-agent@office streamsend-agent@inbox"))
    .trim()
    .split(/\n+/);
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
