/** Admin requests whose asker has stopped waiting before the brokers could be reached, or before they answered. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { type Link, Toxiproxy } from "../support/toxiproxy.ts";
import { waitUntil } from "../support/wait.ts";
import { type Consumer, call, connectConsumer, disconnect } from "./client.ts";

const timedOut = -185; // ERR__TIMED_OUT
/** ERR__TRANSPORT: a slow machine has noticed the cut before the time was up. */
const cutOff = -195;

let proxy: Toxiproxy;
let link: Link;
let kafka: Kafka;
let consumer: Consumer;

beforeEach(async () => {
  proxy = await Toxiproxy.start();
  link = await proxy.open("link");
  kafka = await startKafkaBehind([link]);
  consumer = await connectConsumer(`127.0.0.1:${link.port}`, { "reconnect.backoff.max.ms": 500 });
});

afterEach(async () => {
  await disconnect(consumer);
  await proxy.stop();
  await kafka.stop();
});

/** The error number that the group is described with, or instead of it; undefined: none. */
async function ask(timeout: number): Promise<number | undefined> {
  const admin = RdKafka.AdminClient.createFrom(consumer);
  const asking = call<RdKafka.GroupDescriptions>((done) =>
    admin.describeGroups(["inbox"], { timeout }, done),
  );
  return asking.then(
    ({ groups }) => groups[0]?.error?.code,
    (error: RdKafka.LibrdKafkaError) => error.code,
  );
}

async function expectAnswers(): Promise<void> {
  await waitUntil("the coordinator answers", async () => (await ask(5000)) === undefined);
}

test("a group that was asked for while no broker could be reached does not end the process when one can", async () => {
  await expectAnswers();
  for (let round = 0; round < 3; round++) {
    await link.cut();
    for (let asked = 0; asked < 3; asked++)
      expect<(number | undefined)[]>([timedOut, cutOff]).toContain(await ask(300));
    await link.mend();
    await expectAnswers();
  }
});

test("nor does an answer that comes when nobody waits for it any more", async () => {
  await expectAnswers();
  for (let round = 0; round < 3; round++) {
    process.kill(kafka.pid, "SIGSTOP");
    for (let asked = 0; asked < 3; asked++) expect(await ask(300)).toBe(timedOut);
    process.kill(kafka.pid, "SIGCONT");
    await expectAnswers();
  }
});
