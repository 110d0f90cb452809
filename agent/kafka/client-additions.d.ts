// Methods that the client has but its types do not name, and those that scripts/native adds.
export {};

declare module "@confluentinc/kafka-javascript/types/rdkafka" {
  interface KafkaConsumer {
    incrementalAssign(assignments: Assignment[]): this;
    incrementalUnassign(assignments: TopicPartition[]): this;
    /** Only inside the rebalance callback. */
    assignmentLost(): boolean;
    rebalanceProtocol(): "NONE" | "EAGER" | "COOPERATIVE";
    getClient(): NativeConsumer;
  }

  /** What scripts/native/give_up_silent.cc adds to producers and consumers. */
  interface GivesUp {
    /**
     * Has the connections to `host:port` closed, within a second, on which nothing has moved for so long: no answer, and no byte on
     * its way that TCP would acknowledge.
     */
    giveUpSilent(address: string, silentMs: number): void;
  }

  interface Producer {
    getClient(): NativeProducer;
  }

  /** What scripts/native/send_record.cc adds. */
  interface NativeProducer extends GivesUp {
    /**
     * Returns librdkafka's error number, 0: none. The report of it is the client's event, too: five numbers of 64 bits in a buffer
     * of many.
     */
    sendRecord(
      topic: string,
      partition: number,
      value: Buffer | null,
      key: string,
      headers: readonly string[],
      number: number,
    ): number;
  }

  interface IAdminClient {
    _client: NativeAdmin;
  }

  /** What scripts/native/commit_and_wait.cc and read_records.cc add. */
  interface NativeConsumer extends GivesUp {
    /** Entries in `into`, `used` bytes of it, and one more that had no room there; not to be touched before the answer. */
    readRecords(
      into: Buffer,
      most: number,
      timeoutMs: number,
      callback: (error: NativeError | null, used?: number, left?: Buffer | null) => void,
    ): void;
    /** Commits off the JavaScript thread and calls back with the broker's answer; the package's `commitCb` never waits for it. */
    commitAndWait(
      offsets: TopicPartitionOffsetAndMetadata[],
      timeoutMs: number,
      callback: (error: NativeError | null) => void,
    ): void;
  }

  /** What scripts/native/describe_configs.cc and validate_topic.cc add. */
  interface NativeAdmin {
    /** What `createTopic` would answer; nothing is made. */
    validateTopic(topic: NewTopic, timeoutMs: number, callback: (error: NativeError | null) => void): void;
    describeConfigs(
      resources: { type: 2 | 4; name: string; keys?: readonly string[] }[],
      timeoutMs: number,
      callback: (error: NativeError | null, resources?: DescribedResource[]) => void,
    ): void;
  }

  interface NativeError extends Error {
    /** librdkafka's error number. */
    code: number;
  }

  interface DescribedResource {
    type: number;
    name: string;
    error?: number;
    errorMessage?: string;
    entries: Record<string, DescribedSetting>;
  }

  interface DescribedSetting {
    value: string | null;
    /** rd_kafka_ConfigSource_t: 1 is the topic's own, 5 the default. */
    source: number;
    isDefault: boolean;
    isReadOnly: boolean;
    isSensitive: boolean;
  }
}
