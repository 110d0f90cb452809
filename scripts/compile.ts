// compile.ts ENTRY ADDON RUNTIME ARCH OUTFILE CRASH-POINTS: what scripts/build has gathered, made into one executable.
import { appendFileSync, readFileSync } from "node:fs";
import { addonTrailer } from "../agent/native/addon-bytes.ts";
import { kafkaClient } from "./native/plugin.ts";

const [entry, addon, runtime, arch, outfile, crashPoints] = process.argv.slice(2);
if (!entry || !addon || !runtime || !outfile || !crashPoints || (arch !== "x64" && arch !== "arm64"))
  throw new Error("compile.ts ENTRY ADDON RUNTIME x64|arm64 OUTFILE CRASH-POINTS");

const result = await Bun.build({
  entrypoints: [entry],
  target: "bun",
  format: "esm",
  plugins: [kafkaClient()],
  // What agent/lib/crash-points.ts is about; with false nothing of it gets into the executable.
  define: { CRASH_POINTS: crashPoints },
  // Parsed at build time: starts in half the time. Names stay as they are, for stack traces.
  bytecode: true,
  minify: { whitespace: true, syntax: true, identifiers: false },
  compile: {
    // Else `process.arch` in the code becomes the word for the machine that builds, and stays that wherever it runs.
    target: `bun-linux-${arch}`,
    outfile,
    executablePath: runtime,
    // Collects earlier: lower peaks under load.
    execArgv: ["--smol"],
    // An executable started in a folder with a .env or a bunfig.toml (which can preload code) must not heed them.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
});
for (const log of result.logs) console.error(log);
if (!result.success) process.exit(1);

const addonBytes = readFileSync(addon);
appendFileSync(outfile, addonBytes);
appendFileSync(outfile, addonTrailer(addonBytes.length));
