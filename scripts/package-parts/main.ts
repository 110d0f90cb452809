/** main.ts WHAT [ARCH]: prints one of the files that scripts/package puts into a package. SOURCE_DATE_EPOCH is their time, in seconds. */
import { version } from "../../package.json" with { type: "json" };
import { bashCompletion, zshCompletion } from "./completions.ts";
import { type Architecture, components } from "./components.ts";
import { copyright } from "./copyright.ts";
import { manPage } from "./man-page.ts";
import { sbom } from "./sbom.ts";
import { debianVersion } from "./version.ts";

const [what = "", architecture] = process.argv.slice(2);
const time = new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000).toISOString().replace(".000Z", "Z");
process.stdout.write(await contentOf(what));

async function contentOf(wanted: string): Promise<string> {
  switch (wanted) {
    case "version":
      return `${debianVersion(version)}\n`;
    case "man-page":
      return manPage(version, time.slice(0, 10));
    case "bash-completion":
      return bashCompletion();
    case "zsh-completion":
      return zshCompletion();
    case "copyright":
      return copyright(await components(toArchitecture()));
    case "sbom":
      return sbom(debianVersion(version), toArchitecture(), time, await components(toArchitecture()));
    default:
      throw new Error(`main.ts cannot make ${JSON.stringify(wanted)}`);
  }
}

function toArchitecture(): Architecture {
  if (architecture !== "amd64" && architecture !== "arm64") throw new Error(`main.ts ${what} amd64|arm64`);
  return architecture;
}
