/** The file `copyright` of the package: whose work is in the executable, and under which terms. */
import { readFileSync } from "node:fs";
import type { Component } from "./components.ts";

/** @throws Error where a component's licence cannot be read: nothing is shipped without it */
export function copyright(components: readonly Component[]): string {
  return `streamsend-agent
================

Copyright: the streamsend-agent authors
License: Apache-2.0. On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.

The executable contains, besides:

${components.map(({ name, version, license, about }) => `  ${name} ${version}: ${about} (${license})`).join("\n")}

What these require to be passed on follows.

${components.map(terms).join("\n")}`;
}

function terms({ name, licenseFiles }: Component): string {
  const texts = licenseFiles.map((file) => readFileSync(file, "utf8").trim());
  return `${name}\n${"-".repeat(name.length)}\n\n${texts.join("\n\n")}\n`;
}
