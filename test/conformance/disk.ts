/** What the agent relies on of a disk: the machine's own and the model's have to answer each of it alike. */
import { describe } from "bun:test";
import { contentOfDisk } from "./disk-content.ts";
import { type DiskFixture, useDisk } from "./disk-fixture.ts";
import { namesOnDisk } from "./disk-names.ts";

export function diskSuite(name: string, make: () => Promise<DiskFixture>): void {
  describe(name, () => {
    const use = useDisk(make);
    contentOfDisk(use);
    namesOnDisk(use);
  });
}
