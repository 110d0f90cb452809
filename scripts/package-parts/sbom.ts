/** The software bill of materials: CycloneDX 1.6, in JSON. */
import type { Architecture, Component } from "./components.ts";

/** `time`: RFC 3339. Without a serial number, which would be another one each time. */
export function sbom(
  version: string,
  architecture: Architecture,
  time: string,
  components: readonly Component[],
): string {
  const self = `pkg:deb/streamsend-agent@${encodeURIComponent(version)}?arch=${architecture}`;
  return `${JSON.stringify(
    {
      $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      version: 1,
      metadata: {
        timestamp: time,
        component: {
          type: "application",
          "bom-ref": self,
          name: "streamsend-agent",
          version,
          licenses: [{ license: { id: "Apache-2.0" } }],
          purl: self,
        },
      },
      components: components.map(listed),
      dependencies: [
        { ref: self, dependsOn: components.map(({ purl }) => purl) },
        ...components.map(({ purl }) => ({ ref: purl })),
      ],
    },
    null,
    2,
  )}\n`;
}

function listed({ name, version, license, purl, about, parts }: Component) {
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    description: about,
    licenses: license.includes(" ") ? [{ expression: license }] : [{ license: { id: license } }],
    purl,
    ...(parts === undefined
      ? {}
      : {
          components: parts.map((part) => ({ type: "library", ...part, "bom-ref": `${purl}#${part.name}` })),
        }),
  };
}
