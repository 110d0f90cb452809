import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { literalsOf } from "../../support/literals.ts";
import { findMessages, isAbout, messagesIn, tableOfMessages } from "../../support/messages.ts";

const document = join(import.meta.dir, "../../../docs/operations.md");
/** Their words are looked at where they come from. */
const passedOn = [
  "agent/commands/run.ts: log.error(messageOf(error)",
  'agent/kafka/connection/connect.ts: new KafkaError(connecting, kind === "kafka.sasl" ? codes.authentication : codes.ssl, reason',
  "agent/kafka/connection/connect.ts: new KafkaError(connecting, codes.ssl, tlsWanted",
  "agent/kafka/connection/connect.ts: new KafkaError(connecting, codes.authentication, login",
  "agent/kafka/connection/connect.ts: new KafkaError(connecting, codes.ssl, tlsUnknown",
  "agent/kafka/connection/connect.ts: new KafkaError(connecting, codes.ssl, reason",
  "agent/kafka/connection/connect.ts: new KafkaError(connecting, codes.unreachable, known.reason",
  'agent/kafka/connection/fresh-files.ts: new KafkaError("connecting to Kafka", codes.authentication, problems.join("; ")',
  "agent/downloader/recover/uploader-lines.ts: log[kind.level](message",
  "agent/observe/rare-warnings.ts: log.warn(line",
  "agent/observe/rare-warnings.ts: log.error(line",
  "agent/lib/shared-trouble.ts: log.warn(message",
  'agent/kafka/connection/connect.ts: new KafkaError("connecting to Kafka", found.code, found.reason',
];

test("each message that says that something is wrong has a row in the table of messages", async () => {
  const rows = tableOfMessages(await Bun.file(document).text());
  expect(rows.length).toBeGreaterThan(50);
  const { messages } = await findMessages();
  const without = messages.filter(({ text }) => !rows.some((row) => isAbout(row, text)));
  const help = without.map(
    ({ where, text }) => `add to "## Messages" in docs/operations.md (${where}): \`${text}\``,
  );
  expect(help).toEqual([]);
});

test("no row is about a message that there is no longer", async () => {
  const rows = tableOfMessages(await Bun.file(document).text());
  const { messages } = await findMessages();
  const dead = rows.filter((row) => !messages.some(({ text }) => isAbout(row, text)));
  expect(
    dead.map((row) => `no message in agent/ has these words, take them out of the table: \`${row}\``),
  ).toEqual([]);
});

test("no function takes its message from where nobody looks", async () => {
  const help =
    "give test/support/messages.ts (`tellers`) the function that is called with the words, then add this to the list";
  const unknown = (await findMessages()).passedOn.filter((call) => !passedOn.includes(call));
  expect(unknown.map((call) => `${help}: ${call}`)).toEqual([]);
});

describe("a message is found", () => {
  const found = (source: string) =>
    messagesIn("agent/some.ts", withPlaceholders(source)).messages.map(({ text }) => text);

  test.each([
    ["as a string", 'log.warn("the disk is full");', ["the disk is full"]],
    [
      "as a template",
      "this.#log.error(`‹name›: can't be ‹a ? `sent` : 'read'› at ‹`‹b›`›`);",
      ["...: can't be ... at ..."],
    ],
    ["with fields behind it", "log.warn(`‹a›: is gone`, { path, more: [1, 2] });", ["...: is gone"]],
    ["over several lines", "log.warn(\n  `‹a›: is gone`,\n  { path },\n);", ["...: is gone"]],
    ["as one of two", 'log.warn(bad ? "it is bad" : "it is worse");', ["it is bad", "it is worse"]],
    ["as the second argument", 'this.#warnings.warn("kind", `the ‹x› is odd`);', ["the ... is odd"]],
    ["in an error", 'throw new AgentError("it is over", "permanent");', ["it is over"]],
    ["by way of a variable", "const reason = `no ‹b› left`;\nlog.error(`‹a›: ‹reason›`);", ["no ... left"]],
    [
      "why it is not ready",
      'notReady(): string[] {\n return x ? ["nothing moves"] : [];\n}',
      ["nothing moves"],
    ],
  ])("%s", (_, source, texts) => {
    expect(found(source)).toEqual(texts);
  });

  test("not in a comment, a regular expression or at info", () => {
    const source =
      '// log.warn("one two")\nconst r = /log.warn\\("[`a b"]\\)/;\nlog.info("one two");\nlog.warn("last one");';
    expect(found(source)).toEqual(["last one"]);
  });
});

test("a source's code is without its literals, in their places", () => {
  const source = "f('a', `b‹g(\"c\")›d`); // e";
  expect(literalsOf(withPlaceholders(source)).code).toBe("f(   ,     g(   )   );     ");
  expect(literalsOf(withPlaceholders(source)).literals.map(({ text }) => text)).toEqual(["a", "b...d", "c"]);
});

function withPlaceholders(source: string): string {
  return source.replaceAll("‹", "$\u007b").replaceAll("›", "}");
}
