/** The image: the Dockerfile's last stage around the executable, with the settings of compose.yaml and of the manifests for Kubernetes. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { executable } from "../support/agent-process.ts";
import { listFiles, md5sum, succeed } from "../support/compare.ts";
import { composeService } from "../support/compose-service.ts";
import { ContainerEngine, canContain } from "../support/container-engine.ts";
import { freePort } from "../support/free-port.ts";
import { sharedKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";

// The first time it makes the Debian, too.
setDefaultTimeout(600_000);
const root = join(import.meta.dir, "../..");
const image = "localhost/streamsend-agent:test";
const nobody = 65_532;
let folder: string;
let engine: ContainerEngine;

beforeAll(async () => {
  if (!canContain) return;
  folder = await mkdtemp(join(tmpdir(), "streamsend-image-"));
  // Containers' users have to be able to pass.
  await chmod(folder, 0o755);
  engine = await ContainerEngine.open();
  const debian = (await succeed(join(root, "scripts/debian-root"))).trim();
  await engine.import(debian, "localhost/debian:12-slim");
  await makeContext(join(folder, "context"));
  await engine.build(join(folder, "context"), image, "--build-arg=BASE_IMAGE=localhost/debian:12-slim");
});

afterAll(async () => {
  await engine?.close();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

test.skipIf(!canContain)(
  "it runs as nobody in particular, and needs neither a right nor a place to write",
  async () => {
    const closed = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];
    const { code, output } = await engine.run([...closed, image, "--version"]);
    expect([code, output]).toEqual([0, `streamsend-agent ${manifest.version}\n`]);
    for (const what of ["-u", "-G"])
      expect((await engine.run([...closed, "--entrypoint=id", image, what])).output).toBe(`${nobody}\n`);
  },
);

test.skipIf(!canContain)("compose.yaml's uploader and downloader move files, and are healthy", async () => {
  const outbox = await makeFolder("outbox");
  const inbox = await makeFolder("inbox");
  const environment = await kafkaVariables();
  await writeFile(join(outbox, "for everybody.txt"), "hello\n");
  // Only its group may read this one.
  const group = 12_345;
  const closed = join(outbox, "for a group.bin");
  await writeFile(closed, crypto.getRandomValues(new Uint8Array(3 << 20)), { mode: 0o640 });
  await chown(closed, 0, group);
  await engine.start("uploader", [
    `--group-add=${group}`,
    ...composeService("uploader", image, {
      environment: { ...environment, STREAMSEND_HTTP_LISTEN: `0.0.0.0:${freePort()}` },
      folders: { "./outbox": outbox },
    }),
  ]);
  await engine.start(
    "downloader",
    composeService("downloader", image, {
      environment: { ...environment, STREAMSEND_HTTP_LISTEN: `0.0.0.0:${freePort()}` },
      folders: { "./inbox": inbox },
    }),
  );
  let logs = "";
  await waitUntil(
    "both files are there",
    async () => {
      const said = await Promise.all(["uploader", "downloader"].map((name) => engine.podman("logs", name)));
      logs = said.map(({ output }) => output).join("\n");
      return (await listFiles(join(inbox, "demo"))).length === 2;
    },
    { detail: () => logs },
  );
  for (const name of ["for everybody.txt", "for a group.bin"])
    expect([name, await md5sum(join(inbox, "demo", name))]).toEqual([name, await md5sum(join(outbox, name))]);
  expect(await healthOf("uploader")).toBe(0);
  expect(await healthOf("downloader")).toBe(0);
  // The readiness that Kubernetes is to ask for, with no more than the image has.
  expect((await engine.podman("exec", "downloader", ...readinessCommand())).code).toBe(0);
});

test.skipIf(!canContain)("one that hangs is not healthy, and is again once it goes on", async () => {
  await engine.podman("kill", "--signal=STOP", "downloader");
  expect(await healthOf("downloader")).toBe(1);
  await engine.podman("kill", "--signal=CONT", "downloader");
  expect(await healthOf("downloader")).toBe(0);
});

test.skipIf(!canContain)("it stops in order when it is told to", async () => {
  for (const name of ["uploader", "downloader"]) {
    await engine.podman("stop", "--time=45", name);
    const { output } = await engine.podman("inspect", "--format={{.State.ExitCode}}", name);
    expect([name, output]).toEqual([name, "0\n"]);
  }
});

test.skipIf(!canContain)("one that waits for its brokers is healthy, and not ready", async () => {
  await engine.start(
    "waiting",
    composeService("uploader", image, {
      environment: {
        STREAMSEND_KAFKA_BROKERS: "127.0.0.1:1",
        STREAMSEND_HTTP_LISTEN: `127.0.0.1:${freePort()}`,
      },
      folders: { "./outbox": await makeFolder("waiting") },
    }),
  );
  await waitUntil("it answers", async () => (await healthOf("waiting")) === 0);
  expect((await engine.podman("exec", "waiting", ...readinessCommand())).code).toBe(1);
  await engine.podman("kill", "waiting");
});

const manifests = ["uploader-sidecar.yaml", "downloader.yaml"];

test.skipIf(!canContain).each(manifests)("the configuration in %s is right", async (name) => {
  const documents = manifestsOf(name);
  const { data } = documents.find(({ kind }) => kind === "ConfigMap");
  const etc = await makeFolder(`etc-${name}`);
  await writeFile(join(etc, "config.yaml"), data["config.yaml"]);
  // As Kubernetes mounts a secret with `defaultMode: 0440` for the pod's fsGroup.
  const secrets = await makeFolder(`secrets-${name}`);
  for (const secret of ["kafka-password", "http-token"]) {
    await writeFile(join(secrets, secret), "s3cret", { mode: 0o440 });
    await chown(join(secrets, secret), 0, nobody);
  }
  const volumes = [`--volume=${etc}:/etc/streamsend:ro`, `--volume=${secrets}:/run/secrets/streamsend:ro`];
  const { code, output, errors } = await engine.run(["--read-only", ...volumes, image, "check"]);
  expect([code, errors]).toEqual([0, ""]);
  expect(output).toContain("password_file: /run/secrets/streamsend/kafka-password");
});

/** What the last stage takes from the first one, at its places there, and a Dockerfile whose first stage has nothing else. */
async function makeContext(context: string): Promise<void> {
  const built = join(context, "src/dist");
  await mkdir(built, { recursive: true });
  await copyFile(executable, join(built, "streamsend-agent"));
  await writeFile(join(built, "copyright"), "whose work is in it\n");
  await mkdir(join(context, "etc/ssl/certs"), { recursive: true });
  await writeFile(join(context, "etc/ssl/certs/ca-certificates.crt"), "");
  const text = await readFile(join(root, "Dockerfile"), "utf8");
  const lastStage = text.slice(text.lastIndexOf("\nFROM "));
  await writeFile(
    join(context, "Dockerfile"),
    `ARG BASE_IMAGE\nFROM scratch AS build\nCOPY . /\n${lastStage}`,
  );
}

/** A folder that everybody may write to. */
async function makeFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await chmod(path, 0o777);
  return path;
}

async function kafkaVariables(): Promise<Record<string, string>> {
  return {
    STREAMSEND_KAFKA_BROKERS: (await sharedKafka()).bootstrap,
    STREAMSEND_KAFKA_TOPIC: `image-${crypto.randomUUID()}`,
    STREAMSEND_KAFKA_LEDGER_PARTITIONS: "4",
  };
}

/** The exit code of the image's HEALTHCHECK, in a running container. */
async function healthOf(name: string): Promise<number> {
  return (await engine.podman("healthcheck", "run", name)).code;
}

/** What docs/kubernetes has a kubelet run. */
function readinessCommand(): string[] {
  const { spec } = manifestsOf("downloader.yaml").find(({ kind }) => kind === "Deployment");
  return spec.template.spec.containers[0].readinessProbe.exec.command;
}

function manifestsOf(name: string) {
  const text = readFileSync(join(root, "docs/kubernetes", name), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS());
}
