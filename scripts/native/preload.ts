// For `bun test` and `bun run` (bunfig.toml): the client's addon under the client, as the executable has it.
import { join } from "node:path";
import { kafkaClient } from "./plugin.ts";

const build = Bun.spawnSync([join(import.meta.dir, "build")], { stderr: "inherit" });
if (!build.success) throw new Error("scripts/native/build failed");
Bun.plugin(kafkaClient(build.stdout.toString().trim()));
