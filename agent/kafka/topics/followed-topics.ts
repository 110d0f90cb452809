/** Both topics as the brokers have them now, followed together: what the brokers are asked, they are asked of both at once. */
import { CurrentTopic, type CurrentTopicOptions } from "./current-topic.ts";
import { TopicLooks } from "./topic-looks.ts";
import { describeSettingsOf, lookUpTopics, type Topics } from "./topics.ts";

export interface FollowedTopicsOptions extends Omit<CurrentTopicOptions, "looks" | "beside"> {
  /** How often to look whether they are still the same topics, milliseconds: that is one small request. */
  everyMs: number;
}

export class FollowedTopics {
  readonly chunks: CurrentTopic;
  readonly ledger: CurrentTopic;

  constructor({ everyMs, ...options }: FollowedTopicsOptions, topics: Topics) {
    const { producer } = options;
    const names = [topics.chunks.name, topics.ledger.name];
    const requests = {
      topics: async () => lookUpTopics(await producer.client(), names),
      settings: async () => describeSettingsOf(await producer.client(), names),
    };
    const looks = new TopicLooks(requests, everyMs);
    this.chunks = new CurrentTopic({ ...options, looks }, topics, "chunks");
    this.ledger = new CurrentTopic({ ...options, looks, beside: this.chunks }, topics, "ledger");
  }

  /** Looks again and again until the signal fires. One that can't be looked at holds up no other. */
  async follow(signal: AbortSignal): Promise<void> {
    await Promise.all([this.chunks.follow(signal), this.ledger.follow(signal)]);
  }
}
