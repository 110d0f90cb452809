/** Certificates as a small company would make them: an authority of its own, and a key for the brokers. */
import { join } from "node:path";
import { run } from "./compare.ts";

export interface Certificates {
  /** The authority that signed the brokers' certificate, PEM. */
  ca: string;
  /** Another authority, that signed nothing here. */
  otherCa: string;
  /** The brokers' key and certificate in one file, PEM. */
  broker: string;
}

/** Makes them in `folder`; the brokers' certificate is for the address 127.0.0.1 and for no name. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const at = (name: string) => join(folder, name);
  await makeAuthority(at("ca"), "The company's authority");
  await makeAuthority(at("other"), "Some other authority");
  const request = ["-newkey", "rsa:2048", "-nodes", "-keyout", at("broker.key"), "-out", at("broker.csr")];
  await openssl("req", ...request, "-subj", "/CN=broker");
  await Bun.write(at("names"), "subjectAltName=IP:127.0.0.1\n");
  const signed = ["-in", at("broker.csr"), "-out", at("broker.crt"), "-extfile", at("names"), "-days", "2"];
  await openssl("x509", "-req", ...signed, "-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial");
  const parts = ["broker.key", "broker.crt", "ca.crt"].map((name) => Bun.file(at(name)).text());
  await Bun.write(at("broker.pem"), (await Promise.all(parts)).join(""));
  return { ca: at("ca.crt"), otherCa: at("other.crt"), broker: at("broker.pem") };
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
