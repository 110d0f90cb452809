/** Both topics as the brokers have them now, followed together: what the brokers are asked, they are asked of both at once. */
import { CurrentTopic, type CurrentTopicOptions, settingsMs } from "./current-topic.ts";
import { TopicLooks } from "./topic-looks.ts";
import { describeSettingsOf, lookUpTopics, type Topics } from "./topics.ts";

export type FollowedTopicsOptions = Omit<CurrentTopicOptions, "looks" | "beside">;

export class FollowedTopics {
  readonly chunks: CurrentTopic;
  readonly ledger: CurrentTopic;

  constructor(options: FollowedTopicsOptions, topics: Topics) {
    const { producer, everyMs } = options;
    const names = [topics.chunks.name, topics.ledger.name];
    const requests = {
      topics: async () => lookUpTopics(await producer.client(), names),
      settings: async () => describeSettingsOf(await producer.client(), names),
    };
    const looks = new TopicLooks(requests, Math.min(everyMs, settingsMs));
    this.chunks = new CurrentTopic({ ...options, looks }, topics, "chunks");
    this.ledger = new CurrentTopic({ ...options, looks, beside: this.chunks }, topics, "ledger");
  }

  /** Looks again and again until the signal fires. One that can't be looked at holds up no other. */
  async follow(signal: AbortSignal): Promise<void> {
    await Promise.all([this.chunks.follow(signal), this.ledger.follow(signal)]);
  }
}
