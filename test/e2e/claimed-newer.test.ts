/** A version that only a newer agent can take is not asked for; whoever may write to the topic may claim that of any version. */
import { expect, test } from "bun:test";
import { chunksOf, handMadeVersion, withHeader } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import type { PlainRecord } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

const file = (path: string) => ({ uploader: "u", path, content: Buffer.from("hello") });
const newer = (path: string): PlainRecord =>
  withHeader(chunksOf(file(path))[0] as PlainRecord, "!sealed", "1");

test("only a newer agent's record where a version was sent to keeps it from being asked for", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic);
  await kafka.createTopic(scene.ledger, 4, { "cleanup.policy": "compact" });
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  // At offset 1 was the lost one's only chunk; what is there now is another's.
  await kafka.produce(scene.topic, [
    newer("newer.txt"),
    chunksOf(file("other.txt"))[0] as PlainRecord,
    newer("lost.txt"),
  ]);
  await kafka.produce(scene.ledger, [
    fileEntry(file("newer.txt"), { topicId, offset: 0 }),
    fileEntry(file("lost.txt"), { topicId, offset: 1 }),
  ]);
  const agent = await scene.downloader(await scene.folder("output"));
  await agent.waitForLine(/lost\.txt: 5 bytes are not in the log: asking its uploader/);
  const keys = (await kafka.readAll(scene.ledger)).map(({ key }) => key);
  const asked = keys.filter((key) => key.startsWith("needs/"));
  expect(asked).toEqual([`needs/${scene.group}/u/${handMadeVersion}/lost.txt`]);
});
