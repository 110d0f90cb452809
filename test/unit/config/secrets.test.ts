import { expect, test } from "bun:test";
import { formatSettings } from "../../../agent/commands/check.ts";
import { allPaths, dotted } from "../../../agent/config/keys.ts";
import { isSecret, twinOf } from "../../../agent/config/mask.ts";
import { Problems } from "../../../agent/config/problems.ts";
import { readSecretFiles } from "../../../agent/config/secret-files.ts";
import { get, type Section } from "../../../agent/config/tree.ts";
import { readYaml } from "../../../agent/config/yaml-text.ts";
import { fileWith, folder, load, loadConfigOf, problemsOf } from "./loading.ts";

const SECRET = "hunter2-s3cret";
const SASL = "mechanism: scram-sha-512, username: u";
const BASE = "role: uploader\nuploader: {watch: [{path: /w}]}\n";

test("a secret is read from the file of its twin, without one trailing newline", async () => {
  for (const [content, secret] of [
    [SECRET, SECRET],
    [`${SECRET}\n`, SECRET],
    [`${SECRET}\r\n`, SECRET],
    [` ${SECRET} \n\n`, ` ${SECRET} \n`],
  ] as const) {
    const { kafka } = await loadConfigOf(`kafka: {sasl: {${SASL}, password_file: ${fileWith(content)}}}`);
    expect(kafka.sasl).toMatchObject({ password: secret });
  }
});

test("every secret has a twin", () => {
  const secrets = allPaths().filter(isSecret);
  expect(secrets.map(dotted)).toEqual([
    "kafka.tls.key_password",
    "kafka.sasl.password",
    "kafka.sasl.client_secret",
    "uploader.records.sources.0.secrets.0.value",
    "downloader.tables.staging.s3.access_key_id",
    "downloader.tables.staging.s3.secret_access_key",
    "downloader.tables.sinks.0.password",
    "http.token",
    "http.tokens.0.token",
  ]);
  const paths = new Set(allPaths().map(dotted));
  for (const secret of secrets) expect(paths).toContain(dotted(twinOf(secret) ?? []));
});

test("the secrets of every item of a list are read from their files", () => {
  const files = [fileWith("one\n"), fileWith("two\n")];
  const root = readYaml(`
http: {tokens: [{token: zero}, {token_file: ${files[0]}}]}
uploader:
  records:
    sources:
      - {}
      - {secrets: "[{value: zero}, {file: ${files[1]}}]"}`) as Section;
  const problems = new Problems();
  readSecretFiles(root, problems);
  expect(problems.lines).toEqual([]);
  expect(get(root, ["http", "tokens", 0, "token"])).toBe("zero");
  expect(get(root, ["http", "tokens", 1, "token"])).toBe("one");
  expect(get(root, ["uploader", "records", "sources", 1, "secrets", 1, "value"])).toBe("two");
});

test("a secret and its twin in one source is a problem", async () => {
  const file = fileWith(SECRET);
  expect(await problemsOf(`${BASE}kafka: {sasl: {${SASL}, password: x, password_file: ${file}}}`)).toEqual([
    "kafka.sasl.password: is given twice, also as kafka.sasl.password_file",
  ]);
  const set = ["kafka.sasl.password=x", `kafka.sasl.password_file=${file}`];
  expect(await problemsOf(`${BASE}kafka: {sasl: {${SASL}}}`, { set })).toHaveLength(1);
});

test("a later source's secret replaces the twin of an earlier one", async () => {
  const file = fileWith("from-file");
  const yaml = `kafka: {sasl: {${SASL}, password_file: /nowhere}}`;
  const environment = { STREAMSEND_KAFKA_SASL_PASSWORD: "from-environment" };
  expect((await loadConfigOf(yaml, { environment })).kafka.sasl).toMatchObject({
    password: "from-environment",
  });
  const set = [`kafka.sasl.password_file=${file}`];
  expect((await loadConfigOf(yaml, { environment, set })).kafka.sasl).toMatchObject({
    password: "from-file",
  });
});

test("a twin's file that cannot be read is one problem, with the reason", async () => {
  const of = (file: string) => problemsOf(`${BASE}kafka: {sasl: {${SASL}, password_file: ${file}}}`);
  expect(await of("/nowhere")).toEqual(["kafka.sasl.password_file: /nowhere: no such file"]);
  expect(await of(folder)).toEqual([`kafka.sasl.password_file: ${folder}: is a folder`]);
  expect(await of(fileWith("\n"))).toEqual([
    expect.stringMatching(/^kafka\.sasl\.password_file: .*: is empty$/),
  ]);
  // It never ends.
  expect(await of("/dev/zero")).toEqual(["kafka.sasl.password_file: /dev/zero: is too large"]);
});

test("check never shows a secret", async () => {
  const yaml = `${BASE}kafka:
  tls: {key_password: ${SECRET}}
  sasl: {${SASL}, password: ${SECRET}}
  options:
    sasl.password: ${SECRET}
    SASL: x
`.replace("    SASL: x\n", "");
  const options = [
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.jaas.config",
    "some.plugin.token",
  ];
  const set = options.map((name) => `kafka.options.${name}=${SECRET}`);
  const shown = formatSettings(await load(yaml, { set: [...set, "kafka.options.client.rack=visible"] }));
  expect(shown).not.toContain(SECRET);
  for (const name of options) expect(shown).toContain(`${name}: "***"`);
  expect(shown).toContain("client.rack: visible");
});

test("check shows where a secret was read from instead", async () => {
  const file = fileWith(SECRET);
  const shown = formatSettings(await load(`${BASE}kafka: {sasl: {${SASL}, password_file: ${file}}}`));
  expect(shown).toContain(`password_file: ${file}`);
  expect(shown).not.toContain(SECRET);
  expect(shown).not.toContain(" password: ");
});

test("no message shows a secret, whatever is wrong around it", async () => {
  const file = fileWith(`${SECRET}\n`);
  const wrong: [yaml: string, set: string[]][] = [
    [`kafka: {sasl: {${SASL}, password: ${SECRET}, password_file: ${file}}}`, []],
    [`kafka: {sasl: {mechanism: nonsense, password: ${SECRET}}}`, []],
    [`kafka: {sasl: {password: [${SECRET}]}}`, []],
    [`kafka: {sasl: {password: {a: ${SECRET}}}}`, []],
    [`kafka: {sasl: ${SECRET}}`, []],
    [`kafka: {sasl: {passwort: ${SECRET}}}`, []],
    [`kafka: {sasl: {${SASL}, password: *${SECRET}}}`, []],
    [`kafka: {sasl: {${SASL}, password: !${SECRET}}}`, []],
    [`kafka: {sasl: {${SASL}, password: "${SECRET}\\q"}}`, []],
    [`kafka: {sasl: {${SASL}, password: "x" ${SECRET}}}`, []],
    [`kafka:\n  sasl:\n    password: |${SECRET}\n`, []],
    [`kafka:\n  sasl:\n    password: a: ${SECRET}\n`, []],
    [`kafka:\n  sasl:\n    password: 'x'${SECRET}\n`, []],
    [`kafka:\n  sasl:\n    password: [${SECRET}\n`, []],
    [`kafka:\n  sasl:\n    password: "a\${b c}${SECRET}"\n`, []],
    [`kafka: {options: {sasl.password: [${SECRET}]}}`, []],
    [`kafka: {options: {SASL.password: ${SECRET}}}`, []],
    [`http: {token: "a space, ${SECRET}"}`, []],
    [`http: {listen: x, token: ${SECRET}}`, []],
    [`kafka: {brokers: "user:${SECRET}@host:9092"}`, []],
    [`kafka: {sasl: {mechanism: oauthbearer, token_url: "ftp://user:${SECRET}@host"}}`, []],
    [`http: {tokens: [${SECRET}]}`, []],
    [`http: {tokens: [{token: "a space, ${SECRET}", read: [x]}]}`, []],
    [`http: {tokens: [{token: ${SECRET}, token_file: ${file}, read: [x]}]}`, []],
    [`downloader: {tables: {staging: {s3: {bucket: b, access_key_id: ${SECRET}}}}}`, []],
    [`downloader: {tables: {sinks: [{target: "postgres://u:${SECRET}@h/d"}]}}`, []],
    [`downloader: {tables: {sinks: [{target: "sqlite:/x", password: [${SECRET}]}]}}`, []],
    ["", [`uploader.records={project: p, sources: [{id: a, secrets: [${SECRET}]}]}`]],
    ["", [`uploader.records={sources: [{id: a, secrets: [{value: a/${SECRET}}]}]}`]],
    ["", [`uploader.records.sources.0.secrets.0=${SECRET}`]],
    ["", [`kafka.sasl.pasword=${SECRET}`]],
    ["", [`kafka.sasl={password: ${SECRET}`]],
    ["", [`${SECRET}`]],
    ["", [`kafka.sasl={password: *${SECRET}}`]],
  ];
  for (const [yaml, set] of wrong) {
    const problems = await problemsOf(`${BASE}${yaml}`, { set });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).not.toContain(SECRET);
  }
});
