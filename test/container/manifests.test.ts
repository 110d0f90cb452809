/** Dockerfile, compose.yaml and the manifests for Kubernetes, by checkers of each kind. */
import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run, succeed } from "../support/compare.ts";

setDefaultTimeout(300_000);
const root = join(import.meta.dir, "../..");
const manifests = readdirSync(join(root, "docs/kubernetes")).map((name) =>
  join(root, "docs/kubernetes", name),
);
let checkers: string;

beforeAll(async () => {
  checkers = (await succeed(join(root, "scripts/manifest-checkers"))).trim();
});

test("hadolint has nothing against the Dockerfile", async () => {
  const { code, output } = await run([join(checkers, "bin/hadolint"), join(root, "Dockerfile")]);
  expect([code, output]).toEqual([0, ""]);
});

test("compose.yaml is of Compose's schema", async () => {
  await succeed(
    join(checkers, "bin/python"),
    "-m",
    "check_jsonschema",
    "--builtin-schema=vendor.compose-spec",
    join(root, "compose.yaml"),
  );
});

// The oldest that has sidecars without a switch, and the newest that the checker knows.
test.each(["1.29", "1.37"])("the manifests are of the schema of Kubernetes %s", async (version) => {
  const python = join(checkers, "bin/python");
  const output = await succeed(python, "-m", "kubernetes_validate", "--strict", "-k", version, ...manifests);
  for (const kind of ["statefulset/reports", "deployment/downloader"])
    expect(output).toContain(`passed for resource ${kind} against version ${version}`);
});
