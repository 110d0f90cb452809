/** The package in a real Debian with a real systemd: installed, upgraded, removed and purged, in this order; and the archive. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canBoot, DebianMachine } from "../support/debian-machine.ts";
import { sharedKafka } from "../support/kafka.ts";
import {
  makeNextVersion,
  nextVersion,
  packageFile,
  packageVersion,
  thisArchitecture,
} from "../support/packages.ts";
import { waitUntil } from "../support/wait.ts";

// The first time it makes the Debian, too.
setDefaultTimeout(600_000);
let folder: string;
let machine: DebianMachine;
/** The machine has this one's network. */
let broker: string;

beforeAll(async () => {
  if (!canBoot) return;
  broker = (await sharedKafka()).bootstrap;
  folder = await mkdtemp(join(tmpdir(), "streamsend-install-"));
  await Bun.write(join(folder, "packages/now.deb"), Bun.file(packageFile(thisArchitecture, "deb")));
  await Bun.write(join(folder, "packages/now.tar.gz"), Bun.file(packageFile(thisArchitecture, "tar.gz")));
  await makeNextVersion(join(folder, "packages/now.deb"), join(folder, "packages/next.deb"));
  machine = await DebianMachine.boot(folder, join(folder, "packages"));
});

afterAll(async () => {
  await machine?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

test.skipIf(!canBoot)("installed, it has its user and its files, and nothing runs", async () => {
  // Somebody has put a configuration there beforehand, for all to read.
  await shell("mkdir -m 755 /etc/streamsend");
  await install("now.deb");
  expect(await shell("stat -c '%A %U:%G' /etc/streamsend")).toBe("drwxr-x--- root:streamsend");
  expect(await shell("getent passwd streamsend | cut -d : -f 6,7")).toBe("/:/usr/sbin/nologin");
  expect(await shell("streamsend-agent --version")).toMatch(/^streamsend-agent \d/);
  expect(await shell("systemctl list-units --all --no-legend 'streamsend-agent@*'")).toBe("");
  expect(await shell("find /etc/systemd -name '*streamsend*'")).toBe("");
});

test.skipIf(!canBoot)("the examples are right as they are", async () => {
  const examples = (await shell("ls /etc/streamsend")).split("\n");
  expect(examples).toEqual(["config.yaml.example", "downloader.yaml.example", "uploader.yaml.example"]);
  for (const example of examples) {
    const { code, errors } = await machine.run(
      "streamsend-agent",
      "check",
      "--config",
      `/etc/streamsend/${example}`,
    );
    expect([example, code, errors]).toEqual([example, 0, ""]);
  }
});

test.skipIf(!canBoot)(
  "an upgrade keeps the configuration, and restarts what runs and nothing else",
  async () => {
    await shell("mkdir /var/spool/outbox /srv/inbox && chown streamsend: /srv/inbox");
    await shell("echo sent > /var/spool/outbox/sent && echo received > /srv/inbox/received");
    for (const instance of ["works", "stopped"]) {
      await configure(instance, broker);
    }
    await shell(
      "printf '%s\\n' STREAMSEND_LOG_LEVEL=debug STREAMSEND_LOG_FORMAT=json >> /etc/default/streamsend-agent",
    );
    await shell("systemctl enable --now streamsend-agent@works && systemctl enable streamsend-agent@stopped");
    let log = "";
    await waitUntil(
      "the instance logs as /etc/default says",
      async () => {
        log = await shell("journalctl --no-pager -o cat -u streamsend-agent@works");
        return log.split("\n").some((line) => line.startsWith("{"));
      },
      { detail: () => log },
    );
    const ofLevel = (priority: string) =>
      shell(`journalctl --no-pager -o cat -p ${priority} -u streamsend-agent@works`);
    expect(await ofLevel("debug..debug")).toContain('"level":"debug"');
    expect(await ofLevel("info..info")).not.toContain('"level":"debug"');
    expect(await show("works")).toMatchObject({ ActiveState: "active", NRestarts: "0" });
    await replaceBy("next.deb", nextVersion);
  },
);

test.skipIf(!canBoot)("so does the way back to the version before", async () => {
  await replaceBy("now.deb", packageVersion);
});

test.skipIf(!canBoot)("removed, its instances are stopped, and only the program is gone", async () => {
  await machine.run("systemctl", "start", "streamsend-agent@unconfigured");
  expect(await shell("systemctl --failed --no-legend")).toContain("streamsend-agent@unconfigured");
  await machine.succeed("dpkg", "--remove", "streamsend-agent");
  expect((await show("works")).ActiveState).toBe("inactive");
  expect(await shell("systemctl --failed --no-legend")).toBe("");
  expect(
    await shell(
      "ls /usr/bin/streamsend-agent /lib/systemd/system/streamsend-agent@.service 2> /dev/null || true",
    ),
  ).toBe("");
  expect(await shell("ls /etc/streamsend/works.yaml /etc/default/streamsend-agent")).not.toBe("");
});

test.skipIf(!canBoot)(
  "purged, its configuration is gone, and no file that was watched or received",
  async () => {
    // What somebody keeps in there on a file system of its own is not the package's either.
    await shell(
      "mkdir /etc/streamsend/mounted && mount -t tmpfs tmpfs /etc/streamsend/mounted && echo kept > /etc/streamsend/mounted/file",
    );
    const { errors } = await machine.run("dpkg", "--purge", "streamsend-agent");
    expect(errors).toContain("not all of /etc/streamsend was removed");
    expect(await shell("find /etc/streamsend -type f")).toBe("/etc/streamsend/mounted/file");
    expect(await shell("cat /var/spool/outbox/sent /srv/inbox/received")).toBe("sent\nreceived");
    expect(await shell("find /etc -name '*streamsend*' -not -path '/etc/streamsend*'")).toBe("");
    expect(await shell("dpkg -l streamsend-agent 2> /dev/null || true")).not.toContain("config-files");
    expect(await shell("stat -c %U /srv/inbox")).toBe("streamsend");
    expect(await shell("systemctl --failed --no-legend")).toBe("");
  },
);

test.skipIf(!canBoot)("the archive, unpacked at /, gives a service that can be started", async () => {
  await machine.succeed("tar", "-C", "/", "-xzf", "/packages/now.tar.gz");
  expect(await shell("readlink /lib")).toBe("usr/lib");
  await shell("systemd-sysusers streamsend-agent.conf && systemctl daemon-reload");
  await configure("works", broker);
  await machine.succeed("systemctl", "start", "streamsend-agent@works");
  expect(await show("works")).toMatchObject({ ActiveState: "active", StatusText: "at work, no file yet" });
});

test.skipIf(!canBoot)("its sandbox is as tight as systemd asks for", async () => {
  // Of 100: exposed in all that there is.
  await machine.succeed("systemd-analyze", "security", "--threshold=20", "streamsend-agent@works");
});

test.skipIf(!canBoot)("one that waits for its broker is starting, says so, and is left alone", async () => {
  await configure("waits", "127.0.0.1:1");
  await shell("systemctl start --no-block streamsend-agent@waits");
  await waitUntil("systemd knows what it waits for", async () =>
    /no broker can be reached/.test((await show("waits")).StatusText ?? ""),
  );
  expect(await show("waits")).toMatchObject({ ActiveState: "activating", NRestarts: "0" });
  await machine.succeed("systemctl", "stop", "streamsend-agent@waits");
});

test.skipIf(!canBoot)("one that hangs is killed, and started again", async () => {
  await shell("mkdir -p /etc/systemd/system/streamsend-agent@works.service.d");
  await shell(
    "printf '[Service]\\nWatchdogSec=2s\\nRestartSec=1s\\n' > /etc/systemd/system/streamsend-agent@works.service.d/soon.conf",
  );
  await shell("systemctl daemon-reload && systemctl restart streamsend-agent@works");
  const before = await show("works");
  await shell("systemctl kill --kill-who=main --signal=STOP streamsend-agent@works");
  await waitUntil("it is another process, and ready", async () => {
    const { ActiveState, MainPID } = await show("works");
    return ActiveState === "active" && MainPID !== before.MainPID;
  });
  expect(await shell("journalctl --no-pager -o cat -u streamsend-agent@works")).not.toContain("crashed");
});

async function install(name: string): Promise<{ output: string; errors: string }> {
  const { code, output, errors } = await machine.run("dpkg", "--install", `/packages/${name}`);
  expect([code, output + errors]).toEqual([0, expect.any(String)]);
  return { output, errors };
}

/** Installs another version over the one that is there, with an instance that works and one that is stopped. */
async function replaceBy(name: string, version: string): Promise<void> {
  const before = await show("works");
  const { output, errors } = await install(name);
  expect(output + errors).not.toContain("conffile");
  expect(await shell("dpkg-query -W streamsend-agent | cut -f 2")).toBe(version);
  await waitUntil("the running instance is another process", async () => {
    const { ActiveState, MainPID } = await show("works");
    return ActiveState === "active" && MainPID !== before.MainPID && MainPID !== "0";
  });
  expect(await show("stopped")).toMatchObject({ ActiveState: "inactive", MainPID: "0" });
  expect(await shell("stat -c '%A %U:%G' /etc/streamsend")).toBe("drwxr-x--- root:streamsend");
  expect(await shell("tail -1 /etc/default/streamsend-agent")).toBe("STREAMSEND_LOG_FORMAT=json");
  expect(await shell("ls /etc/streamsend/*.yaml")).toBe(
    "/etc/streamsend/stopped.yaml\n/etc/streamsend/works.yaml",
  );
}

/** As the example for uploaders says, but for the broker. */
async function configure(instance: string, address: string): Promise<void> {
  await shell(
    `sed -e 's/kafka1:9092, kafka2:9092/${address}/' /etc/streamsend/uploader.yaml.example > /etc/streamsend/${instance}.yaml`,
  );
}

async function shell(script: string): Promise<string> {
  return (await machine.succeed("sh", "-ec", script)).trim();
}

/** What systemd knows of an instance. */
async function show(instance: string): Promise<Record<string, string>> {
  const lines = await shell(
    `systemctl show -p ActiveState,MainPID,NRestarts,StatusText streamsend-agent@${instance}`,
  );
  return Object.fromEntries(lines.split("\n").map((line) => line.split(/=(.*)/s)));
}
