/** Breaks one thing on purpose in a live run, which has to come out red. The agents do their work meanwhile. */
import { copyFileSync, mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { waitUntil } from "../../test/support/wait.ts";
import type { Contents } from "./contents.ts";
import type { Sabotage } from "./options.ts";
import type { Stage, StageDisk } from "./stage.ts";
import type { State, Truth } from "./truth.ts";

export interface SabotageScene {
  stage: Stage;
  truth: Truth;
  contents: Contents;
}

const bytes = 300_000;
const largeBytes = 100_000_000;
const name = "sabotage.bin";

export function sabotage(kind: Sabotage, scene: SabotageScene): Promise<void> {
  return acts[kind](scene);
}

const acts: Readonly<Record<Sabotage, (scene: SabotageScene) => Promise<void>>> = {
  /** A file that is on record and never was there. */
  async lost(scene) {
    await put(scene, bytes, () => undefined);
  },

  /** One byte of a file that takes its name as a true one would. */
  async corrupt(scene) {
    const { copy } = await put(scene, bytes, place);
    scene.contents.overwrite(copy, 1000, 1);
    appear(scene, copy);
  },

  /** Written under its name, in two parts. */
  async half(scene) {
    const { copy } = await put(scene, bytes, place);
    const whole = await Bun.file(copy).bytes();
    const path = published(scene);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, whole.subarray(0, bytes / 2));
    await Bun.sleep(100);
    writeFileSync(path, whole.subarray(bytes / 2), { flag: "a" });
  },

  async older(scene) {
    const first = await put(scene, bytes, place);
    await arrival(scene, first.state);
    const second = await put(scene, bytes, place);
    await arrival(scene, second.state);
    appear(scene, first.copy);
  },

  async duplicate(scene) {
    const { copy, state } = await put(scene, bytes, place);
    await arrival(scene, state);
    appear(scene, copy);
  },

  /** An uploader that does nothing any more in the middle of a large file. */
  async stuck(scene) {
    const [uploader] = scene.stage.uploaders;
    await put(scene, largeBytes, place);
    await waitUntil(
      "the large file is under way",
      () => uploader?.isInFlight === true && uploader.isSending(name),
    );
    uploader?.freeze();
  },
};

/** Puts a file on record and into the first uploader's source, by `place`; and keeps a copy with its time beside the mirror. */
async function put(
  { stage, truth, contents }: SabotageScene,
  size: number,
  place: (staged: string, path: string) => void,
): Promise<{ copy: string; state: State }> {
  const [source] = stage.sources;
  if (!source) throw new Error("no source");
  const staged = join(stage.staging, crypto.randomUUID());
  const md5 = await contents.write(staged, size);
  // Whole seconds: utimes knows no nanoseconds.
  const seconds = Math.floor(Date.now() / 1000);
  utimesSync(staged, seconds, seconds);
  const copy = join(mirror(stage).trash, crypto.randomUUID());
  copyFileSync(staged, copy);
  utimesSync(copy, seconds, seconds);
  const { mtimeNs } = statSync(staged, { bigint: true });
  const state = truth.wrote(`${source.uploader}/${name}`, { md5, size, mtimeNs }, Date.now());
  place(staged, join(source.folder, name));
  return { copy, state };
}

function place(staged: string, path: string): void {
  renameSync(staged, path);
}

async function arrival({ stage, truth }: SabotageScene, state: State): Promise<void> {
  await waitUntil("the file has arrived", () => truth.isDelivered(state, mirror(stage).group));
}

function appear(scene: SabotageScene, copy: string): void {
  const path = published(scene);
  mkdirSync(dirname(path), { recursive: true });
  renameSync(copy, path);
}

function published({ stage }: SabotageScene): string {
  return join(mirror(stage).output, stage.sources[0]?.uploader ?? "", name);
}

function mirror(stage: Stage): StageDisk {
  return stage.disks.find((disk) => disk.name === "mirror") as StageDisk;
}
