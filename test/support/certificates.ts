/** Certificates as a small company would make them: an authority of its own, a key for the brokers, one for an agent. */
import { join } from "node:path";
import { run } from "./compare.ts";

export interface Certificates {
  /** The authority that signed the brokers' certificate, PEM. */
  ca: string;
  /** Another authority, that signed nothing here. */
  otherCa: string;
  /** The brokers' key and certificate in one file, PEM. */
  broker: string;
  /** An agent's certificate, its key, and the same key under a password. */
  client: { cert: string; key: string; lockedKey: string; password: string };
}

/** Makes them in `folder`; the brokers' certificate is for the address 127.0.0.1 and for no name. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const at = (name: string) => join(folder, name);
  await makeAuthority(at("ca"), "The company's authority");
  await makeAuthority(at("other"), "Some other authority");
  await makeSigned(at("broker"), at("ca"), "broker", "subjectAltName=IP:127.0.0.1\n");
  await makeSigned(at("client"), at("ca"), "till", "extendedKeyUsage=clientAuth\n");
  const password = "a key's own password";
  const lock = ["-aes256", "-in", at("client.key"), "-out", at("client-locked.key")];
  await openssl("rsa", ...lock, "-passout", `pass:${password}`);
  const client = {
    cert: at("client.crt"),
    key: at("client.key"),
    lockedKey: at("client-locked.key"),
    password,
  };
  const parts = ["broker.key", "broker.crt", "ca.crt"].map((name) => Bun.file(at(name)).text());
  await Bun.write(at("broker.pem"), (await Promise.all(parts)).join(""));
  return { ca: at("ca.crt"), otherCa: at("other.crt"), broker: at("broker.pem"), client };
}

/**
 * A key and a certificate of the authority in `folder` that is valid from one day to another, in one file, PEM; for the address
 * 127.0.0.1. Days as openssl has them, YYYYMMDD.
 */
export async function makeDated(
  folder: string,
  name: string,
  days: [from: string, to: string],
): Promise<string> {
  const at = (file: string) => join(folder, file);
  await makeSigned(at(name), at("ca"), name, "subjectAltName=IP:127.0.0.1\n");
  await Bun.write(at(`${name}.index`), "");
  await Bun.write(at(`${name}.serial`), "01\n");
  const authority = ["database", `${name}.index`, "serial", `${name}.serial`, "new_certs_dir", "."];
  const lines = ["[ca]", "default_ca=one", "[one]", "default_md=sha256", "policy=any"];
  for (let at = 0; at < authority.length; at += 2)
    lines.push(`${authority[at]}=${join(folder, authority[at + 1] ?? "")}`);
  await Bun.write(at(`${name}.cnf`), [...lines, "[any]", "commonName=supplied", ""].join("\n"));
  const by = ["-config", at(`${name}.cnf`), "-cert", at("ca.crt"), "-keyfile", at("ca.key")];
  const dates = ["-startdate", `${days[0]}000000Z`, "-enddate", `${days[1]}000000Z`];
  const files = ["-in", at(`${name}.csr`), "-out", at(`${name}.crt`), "-extfile", at(`${name}.extensions`)];
  await openssl("ca", "-batch", "-notext", ...by, ...dates, ...files);
  return joinParts(folder, name);
}

/** A key and a certificate for `subjectAltName`, signed by the authority that is called `authority`, in one file, PEM. */
export async function makeNamed(
  folder: string,
  name: string,
  subjectAltName: string,
  authority = "ca",
): Promise<string> {
  await makeSigned(join(folder, name), join(folder, authority), name, `subjectAltName=${subjectAltName}\n`);
  return joinParts(folder, name);
}

async function joinParts(folder: string, name: string): Promise<string> {
  const parts = [`${name}.key`, `${name}.crt`].map((file) => Bun.file(join(folder, file)).text());
  const path = join(folder, `${name}.pem`);
  await Bun.write(path, (await Promise.all(parts)).join(""));
  return path;
}

/** A key and a certificate for `name` at `path`, signed by the authority at `authority`. */
async function makeSigned(path: string, authority: string, name: string, extensions: string): Promise<void> {
  const request = ["-newkey", "rsa:2048", "-nodes", "-keyout", `${path}.key`, "-out", `${path}.csr`];
  await openssl("req", ...request, "-subj", `/CN=${name}`);
  await Bun.write(`${path}.extensions`, extensions);
  const signed = [
    "-in",
    `${path}.csr`,
    "-out",
    `${path}.crt`,
    "-extfile",
    `${path}.extensions`,
    "-days",
    "2",
  ];
  const by = ["-CA", `${authority}.crt`, "-CAkey", `${authority}.key`, "-CAcreateserial"];
  await openssl("x509", "-req", ...signed, ...by);
}

async function makeAuthority(path: string, name: string): Promise<void> {
  const files = ["-keyout", `${path}.key`, "-out", `${path}.crt`];
  await openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    ...files,
    "-subj",
    `/CN=${name}`,
    "-days",
    "2",
  );
}

async function openssl(...args: string[]): Promise<void> {
  const { code, errors } = await run(["openssl", ...args]);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${errors}`);
}
