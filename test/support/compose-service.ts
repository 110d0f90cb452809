/** A service of compose.yaml as `podman run` takes it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

// What is not in here would not be tried: a new key of compose.yaml has to be read below, too.
const service = z.strictObject({
  image: z.string(),
  build: z.string(),
  pull_policy: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  // About how Docker starts and stops it.
  stop_grace_period: z.string(),
  restart: z.string(),
  depends_on: z.unknown(),
  environment: z.record(z.string(), z.string()),
  volumes: z.array(z.string()),
  // Of a network that the test does not have.
  ports: z.array(z.string()),
});

export interface Changes {
  /** Variables that are of another value here. */
  readonly environment: Readonly<Record<string, string>>;
  /** `./outbox`: where it is here. */
  readonly folders: Readonly<Record<string, string>>;
}

/** Arguments for `podman run`: those of the service, with what is different here, and `image`. */
export function composeService(name: string, image: string, { environment, folders }: Changes): string[] {
  const found = service.parse(services()[name]);
  const variables = Object.entries({ ...found.environment, ...environment });
  return [
    `--read-only=${found.read_only}`,
    ...found.cap_drop.map((capability) => `--cap-drop=${capability}`),
    ...found.security_opt.map((option) => `--security-opt=${option.replace(/:true$/, "")}`),
    ...variables.map(([name, value]) => `--env=${name}=${value}`),
    ...found.volumes.map((volume) => {
      const [folder = "", ...rest] = volume.split(":");
      const here = folders[folder];
      if (here === undefined) throw new Error(`compose.yaml has a folder ${folder}`);
      return `--volume=${[here, ...rest].join(":")}`;
    }),
    image,
  ];
}

function services(): Record<string, unknown> {
  const text = readFileSync(join(import.meta.dir, "../../compose.yaml"), "utf8");
  return parse(text, { merge: true }).services;
}
