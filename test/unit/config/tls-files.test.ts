/** Files of `kafka.tls` that can't be used, and what is said of each before anything is connected. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tlsFileProblems } from "../../../agent/config/tls-files.ts";
import { type Certificates, makeCertificates } from "../../support/certificates.ts";
import { fileWith, problemsOf } from "./loading.ts";

let folder: string;
let made: Certificates;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-certificates-"));
  made = await makeCertificates(folder);
});

afterAll(() => rm(folder, { recursive: true }));

function of(tls: Record<string, string>, enabled = true): Promise<readonly string[]> {
  return problemsOf(
    JSON.stringify({ role: "downloader", downloader: { output: "/o" }, kafka: { tls: { enabled, ...tls } } }),
  );
}

test("files that are right are no problem: an authority, a certificate with its key, and a key under a password", async () => {
  const { ca, client } = made;
  const { cert, key, lockedKey, password } = client;
  expect(await of({ ca, cert, key })).toEqual([]);
  expect(await of({ ca, cert, key: lockedKey, key_password: password })).toEqual([]);
  expect(await of({ ca, cert, key: lockedKey, key_password_file: fileWith(`${password}\n`) })).toEqual([]);
  expect(await of({ ca: "/etc/ssl/certs/ca-certificates.crt" })).toEqual([]);
});

test("all that can't be read are said at once, each with its path and the reason", async () => {
  const password = { key_password_file: "/no/password" };
  expect(await of({ ca: "/no/ca.crt", cert: folder, key: "/no/key", ...password })).toEqual([
    "kafka.tls.key_password_file: /no/password: no such file",
    "kafka.tls.ca: /no/ca.crt: no such file",
    `kafka.tls.cert: ${folder}: is a folder`,
    "kafka.tls.key: /no/key: no such file",
  ]);
  const empty = fileWith("\n");
  expect(await of({ ca: empty })).toEqual([`kafka.tls.ca: ${empty}: is empty`]);
});

test("a file of another kind than is needed is named", async () => {
  const { client } = made;
  const text = fileWith("hello");
  const broken = fileWith("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  expect(await of({ ca: text })).toEqual([`kafka.tls.ca: ${text}: has no certificate in PEM`]);
  expect(await of({ ca: broken })).toEqual([`kafka.tls.ca: ${broken}: has a certificate that can't be read`]);
  expect(await of({ cert: client.key, key: client.cert })).toEqual([
    `kafka.tls.cert: ${client.key}: has no certificate in PEM, but a private key`,
    `kafka.tls.key: ${client.cert}: has no private key in PEM`,
  ]);
});

test("a key that is another certificate's, or under a password that is missing or wrong, is named", async () => {
  const { cert, lockedKey } = made.client;
  const other = join(folder, "other.key");
  expect(await of({ cert, key: other })).toEqual([`kafka.tls.key: ${other}: is not the key of ${cert}`]);
  expect(await of({ cert, key: lockedKey })).toEqual([
    `kafka.tls.key_password: required: ${lockedKey} is encrypted`,
  ]);
  const wrong = fileWith("wrong");
  expect(await of({ cert, key: lockedKey, key_password_file: wrong })).toEqual([
    `kafka.tls.key_password: does not open ${lockedKey}`,
  ]);
});

test("whatever a wrong password makes of a key, it is the password that is named", () => {
  const { cert, lockedKey } = made.client;
  // One in 256 gives something that looks decrypted: among so many there is one.
  for (let at = 0; at < 1500; at++)
    expect(tlsFileProblems({ cert, key: lockedKey, keyPassword: `wrong ${at}` })).toEqual([
      ["key_password", `does not open ${lockedKey}`],
    ]);
});

test("files of a TLS that is switched off are not looked at, files of librdkafka's properties are", async () => {
  expect(await of({ ca: "/no/ca.crt" }, false)).toEqual([]);
  const options = { "ssl.ca.location": "/no/ca.crt", "ssl.keystore.location": "/no/store" };
  const yaml = { role: "downloader", downloader: { output: "/o" }, kafka: { options } };
  expect(await problemsOf(JSON.stringify(yaml))).toEqual([
    "kafka.options.ssl.ca.location: /no/ca.crt: no such file",
    "kafka.options.ssl.keystore.location: /no/store: no such file",
  ]);
});
