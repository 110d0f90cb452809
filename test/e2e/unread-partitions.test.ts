/** Partitions that a rebalance has left to nobody, because a member was replaced between its two steps. */
import { afterEach, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { call, connectConsumer, consume, disconnect } from "../native/client.ts";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const assign = -175; // ERR__ASSIGN_PARTITIONS
const stable = 3;
const partitions = 4;
const members: PlainMember[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.end()));
});

/** A static member of a group that is no agent. */
class PlainMember {
  readonly consumer: RdKafka.KafkaConsumer;
  /** How often it was told to let go of partitions. */
  revocations = 0;
  readonly #turning: Promise<void>;
  #isOver = false;

  private constructor(consumer: RdKafka.KafkaConsumer) {
    this.consumer = consumer;
    this.#turning = this.#turn();
  }

  /** @param letsGo whether it does what it is told when it is told to let go of partitions */
  static async join(
    brokers: string,
    group: string,
    topic: string,
    instance: string,
    letsGo: boolean,
  ): Promise<PlainMember> {
    let member: PlainMember | undefined;
    const consumer = await connectConsumer(brokers, {
      "group.id": group,
      "group.instance.id": instance,
      "partition.assignment.strategy": "cooperative-sticky",
      "session.timeout.ms": 45_000,
      rebalance_cb: (error: RdKafka.LibrdKafkaError, moved: RdKafka.TopicPartition[]) => {
        if (error.code === assign) consumer.incrementalAssign(moved);
        else if (letsGo) consumer.incrementalUnassign(moved);
        if (member && error.code !== assign) member.revocations++;
      },
    });
    consumer.subscribe([topic]);
    member = new PlainMember(consumer);
    members.push(member);
    return member;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#turning;
    this.consumer.unsubscribe();
    this.consumer.incrementalUnassign(this.consumer.assignments());
    await disconnect(this.consumer);
  }

  /** A member that has been replaced is told so by an error. */
  async #turn(): Promise<void> {
    while (!this.#isOver) await consume(this.consumer).catch(() => Bun.sleep(100));
  }
}

test("what a rebalance has left to nobody is said, and given out anew", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  const options = { name: "first", kafka: { partitions }, settings: anyPort };
  const before = await scene.downloader(output, options);
  await (await AgentHttp.of(before)).waitForReadiness(true);
  await before.kill();
  const store = (await readFile(join(output, ".streamsend/store"), "utf8")).trim();

  // In its place one that is told to let go of half of its partitions for another, and does not get to it.
  const join_ = (instance: string, letsGo: boolean) =>
    PlainMember.join(scene.brokers, scene.group, scene.topic, instance, letsGo);
  const halfway = await join_(store, false);
  await waitUntil("it has them all", () => halfway.consumer.assignments().length === partitions);
  const other = await join_("other", true);
  await waitUntil("it was told to let go", () => halfway.revocations > 0);
  const look = async () => {
    const admin = RdKafka.AdminClient.createFrom(other.consumer);
    const { groups } = await call<RdKafka.GroupDescriptions>((done) =>
      admin.describeGroups([scene.group], { timeout: 10_000 }, done),
    );
    const [group] = groups;
    const held = group?.members.flatMap(({ assignment }) => assignment.topicPartitions) ?? [];
    return { isStable: group?.state === stable, held: held.map(({ partition }) => partition).sort() };
  };
  await waitUntil("the first step is over", async () => (await look()).isStable);
  expect((await look()).held).toHaveLength(partitions / 2);

  const kafka = await scene.kafka();
  const foreign = { key: "", value: Buffer.from("none of ours"), headers: [] };
  for (let partition = 0; partition < partitions; partition++)
    await kafka.produce(scene.topic, [foreign, foreign, foreign], partition);

  const after = await scene.downloader(output, options);
  const http = await AgentHttp.of(after);
  const why = new RegExp(`group ${scene.group}: partitions \\d, \\d have no reader, 6 records wait there`);
  await http.waitForReadiness(false, why);
  expect(await http.metric("streamsend_consumer_lag_chunks")).toBeGreaterThanOrEqual(6);
  await waitUntil("all have a reader", async () => (await look()).held.length === partitions, {
    detail: () => after.report(),
  });
  expect((await look()).held).toEqual([0, 1, 2, 3]);
  await http.waitForReadiness(true);
  await after.waitForLine(/WARN .*partitions \d, \d have no reader: a member leaves and joins again soon/);
  await after.waitForLine(/every partition has a reader again/);

  // Nothing stands still: once the other has gone, whatever is sent arrives.
  await other.end();
  members.splice(members.indexOf(other), 1);
  const source = await scene.folder("source");
  await scene.uploader(source);
  for (let at = 0; at < 8; at++) await writeFile(join(source, `${at}.txt`), `${at}`);
  for (let at = 0; at < 8; at++) await after.waitForLine(new RegExp(`${at}\\.txt: merge complete`));
});
