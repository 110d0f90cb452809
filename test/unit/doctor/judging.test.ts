/** What the doctor makes of clusters, clocks and limits that a test can't have here. */
import { describe, expect, test } from "bun:test";
import { about, aboutBytes, count } from "../../../agent/doctor/amounts.ts";
import { type Backlog, judgeBacklog } from "../../../agent/doctor/backlog.ts";
import { judgeUntil } from "../../../agent/doctor/certificates.ts";
import { judgeClock } from "../../../agent/doctor/clock.ts";
import { fail, formatFinding, ok, summary, untried, warn } from "../../../agent/doctor/finding.ts";
import { judgeName } from "../../../agent/doctor/name.ts";
import { judgeSpace } from "../../../agent/doctor/output.ts";
import { judgeMembers, judgeRights, judgeSession, neededRights } from "../../../agent/doctor/rights.ts";
import { judgeChunks, judgeLedger, judgeMissing } from "../../../agent/doctor/topics.ts";
import { judgeInotify } from "../../../agent/doctor/watches.ts";
import type { TopicInspection } from "../../../agent/kafka/topics/inspect.ts";
import { newTopics } from "../../../agent/kafka/topics/new-topic.ts";
import { loadConfigOf } from "../config/loading.ts";

const config = await loadConfigOf("name: till\nkafka: { brokers: [kafka:9092] }");
const { kafka } = config;
const healthy = { "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime" };

function found(settings: Record<string, string>, more: Partial<TopicInspection> = {}): TopicInspection {
  const topic = {
    name: "files",
    id: "id",
    partitions: 64,
    maxMessageBytes: 1_048_588,
    settings: new Map(Object.entries({ ...healthy, ...settings })),
  };
  return { topic, replicas: 3, leaderless: [], behind: [], rights: new Set(), ...more };
}

describe("a topic on a cluster of three", () => {
  const circumstances = { kafka, brokers: 3 };

  test("is fine with three replicas", () => {
    const [finding, ...rest] = judgeChunks(found({ "retention.ms": "604800000" }), circumstances);
    expect(rest).toEqual([]);
    expect(finding?.level).toBe("ok");
    expect(finding?.text).toBe("64 partitions, 3 replicas, kept for 7 days, records up to 1.0 MiB");
    expect(judgeLedger(found({ "cleanup.policy": "compact" }), circumstances)[0]?.level).toBe("ok");
  });

  test("has to have several partitions for files to be spread over", () => {
    const one = found({});
    const single = { ...one, topic: { ...one.topic, partitions: 1 } };
    const levels = (topic: TopicInspection, spreads: boolean) =>
      judgeChunks(topic, { ...circumstances, spreads }).map(({ level }) => level);
    expect(levels(one, true)).toEqual(["ok"]);
    expect(levels(single, false)).toEqual(["ok"]);
    expect(judgeChunks(single, { ...circumstances, spreads: true })).toEqual([
      {
        level: "warn",
        subject: "topic files",
        text: "has 1 partition: with it uploader.partitioning: spread is the same as file",
        fix: "kafka-topics.sh --bootstrap-server kafka:9092 --alter --topic files --partitions 4",
      },
    ]);
  });

  test("would lose data with one", () => {
    for (const [finding] of [
      judgeChunks(found({}, { replicas: 1 }), circumstances),
      judgeLedger(found({ "cleanup.policy": "compact" }, { replicas: 1 }), circumstances),
    ]) {
      expect(finding?.level).toBe("fail");
      expect(finding?.text).toContain("kept once, in a cluster of 3");
      expect(finding?.fix).toContain("kafka-reassign-partitions.sh");
    }
  });

  test("would be made with one copy where nobody says otherwise: that loses data", () => {
    const { chunks } = newTopics(kafka);
    const judge = (replication: number, defaults: Record<string, string>) =>
      judgeMissing(
        "topic files",
        chunks,
        { kafka: { ...kafka, replication }, brokers: 3 },
        new Map(Object.entries(defaults)),
      );
    for (const finding of [judge(-1, { "default.replication.factor": "1" }), judge(1, {})])
      expect(finding).toMatchObject({
        level: "fail",
        text: "is missing; the agent will make it, with 1 partition and 1 replica, in a cluster of 3 brokers: the loss of one disk loses data",
        fix: "set kafka.replication: 3",
      });
    expect(judge(-1, { "default.replication.factor": "3" }).text).toContain(
      "1 partition and 3 replicas: the",
    );
    expect(judge(3, { "default.replication.factor": "1" }).level).toBe("ok");
    // The right to read a broker's settings is missing.
    expect(judge(-1, {}).level).toBe("ok");
  });

  test("is warned of when one of three replicas is enough for an acknowledgement", () => {
    const [finding, ...others] = judgeChunks(found({ "min.insync.replicas": "1" }), circumstances);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      level: "warn",
      text: "min.insync.replicas is 1, with 3 replicas: what one broker alone has counts as stored, and is lost with it",
      fix: expect.stringContaining("--entity-name files --add-config min.insync.replicas=2"),
    });
    expect(judgeChunks(found({ "min.insync.replicas": "1" }, { replicas: 2 }), circumstances)[0]?.level).toBe(
      "ok",
    );
    expect(judgeChunks(found({ "min.insync.replicas": "2" }), circumstances)[0]?.level).toBe("ok");
  });

  test("stops the agent while a partition has no leader", () => {
    const [finding] = judgeChunks(found({}, { leaderless: [3, 5] }), circumstances);
    expect(finding).toMatchObject({ level: "fail", text: "2 of 64 partitions have no leader" });
  });

  test("can't be written to while fewer replicas are in sync than min.insync.replicas", () => {
    const behind = [{ partition: 5, replicas: 3, inSync: 1, out: [2, 3] }];
    const judge = (least: string) =>
      judgeChunks(found({ "min.insync.replicas": least }, { behind }), circumstances);
    expect(judge("2")).toEqual([
      {
        level: "fail",
        subject: "topic files",
        text: "1 of 64 partitions can't be written to: 1 replica in sync, min.insync.replicas is 2",
        fix: "start brokers 2, 3, or see why they lag behind",
      },
    ]);
    expect(judge("1")).toMatchObject([
      { level: "warn", text: expect.stringContaining("1 of 64 partitions") },
    ]);
  });

  test("is warned of when its settings can't be read", () => {
    const unknown = found({});
    unknown.topic.settings = new Map();
    const findings = [...judgeChunks(unknown, circumstances), ...judgeLedger(unknown, circumstances)];
    expect(findings.map(({ level }) => level)).toEqual(["warn", "warn"]);
    expect(findings[0]?.fix).toContain("DESCRIBE_CONFIGS");
  });
});

test("one replica is all that one broker can have", () => {
  expect(judgeChunks(found({}, { replicas: 1 }), { kafka, brokers: 1 })[0]?.level).toBe("ok");
});

test.each([
  [-3 * 86_400_000, "fail", "3 days behind"],
  [360_000, "fail", "6 min ahead of"],
  [299_000, "ok", "5 min ahead of"],
  [-20, "ok", "20 ms behind"],
] as const)("a clock that is off by %d ms where it counts: %s", (aheadMs, level, text) => {
  const finding = judgeClock(config, aheadMs);
  expect(finding.level).toBe(level);
  expect(finding.text).toContain(text);
});

describe("a backlog", () => {
  const topic = found({ "retention.ms": "3600000" }).topic;
  const judge = (backlog: Partial<Backlog>, inTopic = topic) =>
    judgeBacklog(config, inTopic, { unread: 5, expired: 0, oldestMs: 0, ...backlog }, 10 * 3_600_000);
  const at = (hoursOld: number) => ({ oldestMs: (10 - hoursOld) * 3_600_000 });

  test.each([
    [0.1, "ok"],
    [0.6, "warn"],
    [1.1, "fail"],
  ] as const)("whose oldest chunk has used %p of its time: %s", (hours, level) => {
    expect(judge(at(hours)).map((finding) => finding.level)).toEqual([level]);
  });

  test("is never too old for a topic that keeps everything", () => {
    expect(judge(at(9), found({ "retention.ms": "-1" }).topic)[0]?.level).toBe("ok");
  });

  test("that can't be read from is said to be untried", () => {
    expect(judge({ oldestMs: undefined })[0]?.level).toBe("untried");
  });

  test("of which some has expired is a loss, also when the rest is young", () => {
    const [finding] = judge({ ...at(0.1), expired: 7 });
    expect(finding).toMatchObject({ level: "fail", text: "7 chunks expired before this group read them" });
  });
});

test("a name is warned of only when an agent on another host holds it", () => {
  const holder = { format: 1, instance: "i", host: "other", state: "held", highest: 1 } as const;
  expect(judgeName("till", undefined, "here").level).toBe("ok");
  expect(judgeName("till", { ...holder, state: "released" }, "here").level).toBe("ok");
  expect(judgeName("till", { ...holder, host: "here" }, "here").level).toBe("ok");
  expect(judgeName("till", holder, "here")).toMatchObject({
    level: "warn",
    text: expect.stringContaining("other"),
  });
});

test("rights: what is needed is a failure, what is better a warning, and silence is untried", () => {
  const [chunks] = neededRights(config);
  if (!chunks) throw new Error("an uploader needs rights");
  expect(judgeRights(kafka, chunks, new Set(["WRITE", "DESCRIBE_CONFIGS"]))[0]?.level).toBe("ok");
  expect(judgeRights(kafka, chunks, new Set(["WRITE"]))[0]).toMatchObject({
    level: "warn",
    fix: "kafka-acls.sh --bootstrap-server kafka:9092 --add --allow-principal User:USER --operation DescribeConfigs --topic streamsend",
  });
  expect(judgeRights(kafka, chunks, new Set())[0]?.level).toBe("fail");
  expect(judgeRights(kafka, chunks, undefined)[0]?.level).toBe("untried");
});

test("a member of a group that reads another topic is a stranger, one that reads ours or has nothing yet is none", () => {
  const member = (...topics: string[]) => ({ clientId: "streamsend-b", host: "10.0.0.7", topics });
  expect(judgeMembers(kafka, "inbox", [member(kafka.topic), member()])).toEqual([]);
  expect(judgeMembers(kafka, "inbox", [member("other")])).toMatchObject([
    { level: "warn", text: expect.stringContaining("streamsend-b on 10.0.0.7 reads other") },
  ]);
});

test("a session is as long as the brokers allow, or the length to set is said", () => {
  const settings = new Map([
    ["group.min.session.timeout.ms", "6000"],
    ["group.max.session.timeout.ms", "10000"],
  ]);
  expect(judgeSession("inbox", 10_000, settings)).toEqual([]);
  expect(judgeSession("inbox", 45_000, new Map())).toEqual([]);
  expect(judgeSession("inbox", 45_000, settings)).toMatchObject([
    { level: "fail", fix: "set kafka.options: { session.timeout.ms: 10000 }" },
  ]);
  expect(judgeSession("inbox", 1000, settings)[0]?.fix).toContain("6000");
});

test("a certificate that expires within two weeks, or has expired, is a warning", () => {
  const day = 86_400_000;
  const judge = (leftMs: number) =>
    judgeUntil("certificate", "that of a:1", new Date(100 * day + leftMs), 100 * day);
  expect(judge(30 * day)?.level).toBe("ok");
  expect(judge(10 * day)).toMatchObject({
    level: "warn",
    text: "that of a:1 expires on 1970-04-21, in 10 days",
  });
  expect(judge(-day)).toMatchObject({ level: "warn", text: "that of a:1 expired on 1970-04-10" });
  expect(judgeUntil("certificate", "", undefined, 0)).toBeUndefined();
});

test("folders near the limit of inotify are a warning, and an unknown limit is said to be unknown", () => {
  expect(judgeInotify("inotify", 100, 8192).level).toBe("ok");
  expect(judgeInotify("inotify", 5000, 8192)).toMatchObject({
    level: "warn",
    fix: "sysctl -w fs.inotify.max_user_watches=524288",
  });
  expect(judgeInotify("inotify", 5000, Number.NaN).level).toBe("untried");
});

test("a disk with less than min_free would pause the downloader", () => {
  expect(judgeSpace(1024, 1024).level).toBe("ok");
  expect(judgeSpace(1023, 1024).level).toBe("fail");
});

test("a finding is one line, with its fix, whatever is in a name", () => {
  expect(formatFinding(ok("watch /a", "readable"))).toBe("ok    watch /a: readable");
  expect(formatFinding(fail("watch /a\nok b", "is not there", "make it"))).toBe(
    "FAIL  watch /a\\x0aok b: is not there; fix: make it",
  );
  expect(formatFinding(untried("clock", "no topic"))).toBe("-     clock: not tried: no topic");
});

test("the last line counts what was found", () => {
  expect(summary([ok("a", "b")])).toBe("nothing is wrong");
  expect(summary([fail("a", "b", "c"), fail("a", "b", "c"), warn("a", "b", "c"), untried("a", "b")])).toBe(
    "2 would stop the agent or lose data, 1 may become trouble, 1 not tried",
  );
});

test("amounts are said as people say them", () => {
  expect([0, 1500, 90_000, 7_200_000, 604_800_000].map(about)).toEqual([
    "0 ms",
    "1500 ms",
    "90 s",
    "2 h",
    "7 days",
  ]);
  expect([0, 1000, 1_048_588, 250 * 2 ** 30].map(aboutBytes)).toEqual([
    "0 bytes",
    "1000 bytes",
    "1.0 MiB",
    "250 GiB",
  ]);
  expect([count(1, "file"), count(0, "file")]).toEqual(["1 file", "0 files"]);
});
