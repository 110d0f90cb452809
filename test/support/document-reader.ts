/** Somebody who follows the documents at a Debian machine: types their commands as they stand there, and looks what comes of it. */
import type { DebianMachine } from "./debian-machine.ts";
import { type Block, blocksOf, documentsThatAreRun, type RunDocument } from "./document-blocks.ts";
import { waitUntil } from "./wait.ts";

/** Where readers are, and the service's user may not be. */
const home = "/root/first";
/** As far as these documents need it. */
const sudo = `#!/bin/sh
[ "$1" = -u ] || exec env "$@"
user=$2
shift 2
exec setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
`;

export class DocumentReader {
  readonly #machine: DebianMachine;
  readonly #adapt: (text: string) => string;
  /** The headings whose commands were run, by document. */
  readonly #followed = new Map<RunDocument, string[]>(documentsThatAreRun.map((document) => [document, []]));

  /** `adapt` puts what is another address here in the place of the documents'. */
  constructor(machine: DebianMachine, adapt: (text: string) => string) {
    this.#machine = machine;
    this.#adapt = adapt;
  }

  async settle(): Promise<void> {
    await this.#machine.succeed("mkdir", home);
    await this.addCommand("sudo", sudo);
  }

  /** A program that this small machine has not. */
  async addCommand(name: string, script: string): Promise<void> {
    const path = `/usr/local/bin/${name}`;
    await this.shell(`cat > ${path} << 'END OF SCRIPT'\n${script}END OF SCRIPT\nchmod 755 ${path}`);
  }

  /** Runs the commands under a heading, a block at a time; what each printed. */
  async *following(
    document: RunDocument,
    heading: string,
  ): AsyncGenerator<{ code: string; printed: string }> {
    this.#followed.get(document)?.push(heading);
    const blocks = runnable(document).filter((block) => block.heading === heading);
    if (blocks.length === 0) throw new Error(`${document} has no commands under "${heading}"`);
    for (const { code } of blocks) yield { code, printed: await this.shell(this.#adapt(code)) };
  }

  /** All of them; what they printed. */
  async follow(document: RunDocument, heading: string): Promise<string> {
    let output = "";
    for await (const { printed } of this.following(document, heading)) output += printed;
    return output;
  }

  /** The configurations under a heading. */
  configurations(document: RunDocument, heading: string): string[] {
    return blocksOf(document)
      .filter((block) => block.language === "yaml" && block.heading === heading)
      .map(({ code }) => this.#adapt(code));
  }

  /** The headings with commands of a document, and those that were followed. */
  progress(document: RunDocument): { wanted: string[]; followed: string[] } {
    const wanted = new Set(runnable(document).map(({ heading }) => heading));
    return { wanted: [...wanted], followed: this.#followed.get(document) ?? [] };
  }

  /** Runs commands where readers are; what they print. */
  shell(script: string): Promise<string> {
    return this.#machine.succeed("bash", "-e", "-o", "pipefail", "-c", `cd ${home}\n${script}`);
  }

  /** Waits for a file below the documents' inbox. */
  async arrives(path: string): Promise<void> {
    let log = "";
    await waitUntil(
      `${path} has arrived`,
      async () => {
        const { code } = await this.#machine.run("test", "-f", `/srv/inbox/${path}`);
        if (code !== 0) log = await this.shell("journalctl -n 60");
        return code === 0;
      },
      { timeoutMs: 180_000, detail: () => log },
    );
  }
}

function runnable(document: RunDocument): Block[] {
  return blocksOf(document).filter(({ language, notRun }) => language === "sh" && notRun === undefined);
}
