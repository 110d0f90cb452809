/**
 * The files that `kafka.tls` names, looked at before the client is: that one says `error:05880002` and the like. Dates are not
 * looked at here: a device whose clock says 1970 must get to the point where that is set.
 */
import { createPrivateKey, KeyObject, X509Certificate } from "node:crypto";
import { codeOf } from "../lib/errors.ts";
import { fileProblem, readBytes } from "./read-file.ts";

export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly keyPassword?: string | undefined;
}

/** A key of `kafka.tls`, and what is wrong with it. */
export type TlsProblem = readonly [key: "ca" | "cert" | "key" | "key_password", problem: string];

/** A system's bundle of authorities has 200 kB. */
const mostBytes = 16 << 20;
const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const anyCertificate = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/;
const anyKey = /-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----/;

/** All that is wrong with the files; empty: they can be read, and belong together. */
export function tlsFileProblems(tls: TlsFiles): TlsProblem[] {
  const problems: TlsProblem[] = [];
  const read = (name: "ca" | "cert" | "key", judge: (path: string, pem: string) => string | undefined) => {
    const path = tls[name];
    if (path === undefined) return undefined;
    const pem = readPem(path);
    const problem = "problem" in pem ? pem.problem : judge(path, pem.text);
    if (problem === undefined) return "text" in pem ? pem.text : undefined;
    problems.push([name, problem]);
    return undefined;
  };
  read("ca", certificatesProblem);
  const cert = read("cert", certificatesProblem);
  const key = read("key", (path, pem) =>
    anyKey.test(pem) ? undefined : `${path}: has no private key in PEM`,
  );
  if (key !== undefined && tls.key !== undefined) {
    const opened = openKey(tls.key, key, tls.keyPassword);
    if (opened !== undefined && !(opened instanceof KeyObject)) problems.push(opened);
    else if (opened !== undefined && cert !== undefined && !fits(cert, opened))
      problems.push(["key", `${tls.key}: is not the key of ${tls.cert}`]);
  }
  return problems;
}

/** The certificates of a file, the first one first; those that can't be read are left out. Throws what reading throws. */
export function certificatesOf(path: string): X509Certificate[] {
  return parsed(readBytes(path, mostBytes).toString("latin1")).flatMap((found) => found ?? []);
}

/** Old bundles have comments in Latin-1, so this is no `readTextFile`. */
function readPem(path: string): { text: string } | { problem: string } {
  try {
    const text = readBytes(path, mostBytes).toString("latin1");
    return text.trim() === "" ? { problem: `${path}: is empty` } : { text };
  } catch (error) {
    return { problem: fileProblem(path, error) };
  }
}

function certificatesProblem(path: string, pem: string): string | undefined {
  if (!anyCertificate.test(pem)) {
    const instead = anyKey.test(pem) ? ", but a private key" : "";
    return `${path}: has no certificate in PEM${instead}`;
  }
  return parsed(pem).includes(undefined) ? `${path}: has a certificate that can't be read` : undefined;
}

function parsed(pem: string): (X509Certificate | undefined)[] {
  return (pem.match(certificate) ?? []).map((text) => {
    try {
      return new X509Certificate(text);
    } catch {
      return undefined;
    }
  });
}

/** The key, a problem, or undefined for one of a kind that only the client's library may know. */
function openKey(path: string, pem: string, password = ""): KeyObject | TlsProblem | undefined {
  try {
    return createPrivateKey({
      key: pem,
      format: "pem",
      ...(password === "" ? {} : { passphrase: password }),
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === "ERR_MISSING_PASSPHRASE") return ["key_password", `required: ${path} is encrypted`];
    // One wrong password in 256 gives something that looks decrypted, and is no key.
    const isNonsense = code === "ERR_OSSL_EVP_DECODE_ERROR" && password !== "" && pem.includes("ENCRYPTED");
    if (code === "ERR_OSSL_BAD_DECRYPT" || isNonsense) return ["key_password", `does not open ${path}`];
    return undefined;
  }
}

function fits(pem: string, key: KeyObject): boolean {
  const [own] = parsed(pem);
  return own === undefined || own.checkPrivateKey(key);
}
