/** A version as Debian writes it: what comes before a release sorts before it. 0.2.0-rc.1 is 0.2.0~rc1. */
export function debianVersion(version: string): string {
  const [, release, word, number] = /^(\d+\.\d+\.\d+)(?:-([a-z]+)(?:\.(\d+))?)?$/.exec(version) ?? [];
  if (release === undefined)
    throw new Error(`package.json's version is ${version}: not X.Y.Z, nor X.Y.Z-WORD.N`);
  return word === undefined ? release : `${release}~${word}${number ?? ""}`;
}
