/**
 * What the brokers' and the client's errors mean to people, with the cure where there is one. Codes and names: the Kafka
 * protocol's error codes (https://kafka.apache.org/protocol#protocol_error_codes), librdkafka's for the negative ones.
 */

interface ErrorText {
  says: string;
  /** Asking again changes nothing before somebody has done something. */
  permanent?: true;
}

export const errorTexts: ReadonlyMap<number, ErrorText> = new Map<number, ErrorText>([
  // CORRUPT_MESSAGE
  [2, { says: "the brokers found the record damaged: check the memory and the network of this machine" }],
  // UNKNOWN_TOPIC_OR_PARTITION, also the client's own for a topic and a partition
  [
    3,
    {
      says: "the topic or the partition is not there (any more): see whether it was deleted, and kafka.topic",
    },
  ],
  [-188, { says: "the topic is not there (any more): see whether it was deleted, and kafka.topic" }],
  [-190, { says: "the partition is not there (any more): see whether its topic was made anew" }],
  // LEADER_NOT_AVAILABLE
  [5, { says: "a partition has no leader now: start the brokers that hold it" }],
  // REQUEST_TIMED_OUT
  [7, { says: "the brokers could not finish this in time: see whether all of them run" }],
  // MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE
  [10, { says: "the topic takes no records of this size (max.message.bytes)" }],
  [18, { says: "the topic takes no batches of this size: its segment.bytes is less" }],
  // OFFSET_METADATA_TOO_LARGE
  [12, { says: "the brokers' offset.metadata.max.bytes is too small: set it back to 4096", permanent: true }],
  // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE
  [14, { says: "the group's coordinator is just starting" }],
  [
    15,
    {
      says: "the group has no coordinator: see whether the topic __consumer_offsets is there and has enough replicas in sync (offsets.topic.replication.factor, min.insync.replicas)",
    },
  ],
  // INVALID_TOPIC_EXCEPTION
  [17, { says: "the brokers take no topic of this name: set kafka.topic and kafka.ledger", permanent: true }],
  // NOT_ENOUGH_REPLICAS, and _AFTER_APPEND
  [
    19,
    { says: "too few replicas are in sync (min.insync.replicas): start the brokers that hold the others" },
  ],
  [
    20,
    { says: "too few replicas are in sync (min.insync.replicas): start the brokers that hold the others" },
  ],
  // INCONSISTENT_GROUP_PROTOCOL
  [
    23,
    {
      says: "the group's members share partitions in another way (partition.assignment.strategy), so they are no downloaders of this kind: set downloader.group to a group of its own",
      permanent: true,
    },
  ],
  // INVALID_GROUP_ID
  [24, { says: "the brokers take no group of this name: set downloader.group", permanent: true }],
  // UNKNOWN_MEMBER_ID
  [25, { says: "this member was put out of the group: it was not heard of for session.timeout.ms" }],
  // INVALID_SESSION_TIMEOUT
  [
    26,
    {
      says: "the brokers allow no session.timeout.ms of this length: set one in kafka.options between their group.min.session.timeout.ms and group.max.session.timeout.ms",
      permanent: true,
    },
  ],
  // INVALID_COMMIT_OFFSET_SIZE
  [28, { says: "the brokers' offset.metadata.max.bytes is too small: set it back to 4096", permanent: true }],
  // INVALID_TIMESTAMP
  [
    32,
    {
      says: "the brokers refuse the time of this device's clock (the topic's message.timestamp.before.max.ms and after.max.ms): set the clock, or the topic's message.timestamp.type=LogAppendTime",
    },
  ],
  // UNSUPPORTED_SASL_MECHANISM
  [33, { says: "the brokers do not offer this kafka.sasl.mechanism", permanent: true }],
  // UNSUPPORTED_VERSION
  [35, { says: "these brokers do not know a request that is needed: update them", permanent: true }],
  // INVALID_PARTITIONS
  [
    37,
    {
      says: "the brokers make no topic with so many partitions: set kafka.partitions and kafka.ledger_partitions",
      permanent: true,
    },
  ],
  // INVALID_REPLICATION_FACTOR
  [
    38,
    {
      says: "there are fewer brokers than copies (replication factor): set kafka.replication, or start more brokers",
      permanent: true,
    },
  ],
  // INVALID_CONFIG
  [
    40,
    {
      says: "the brokers make no topic with these settings: set kafka.retention, or make the topic yourself",
      permanent: true,
    },
  ],
  // POLICY_VIOLATION
  [
    44,
    {
      says: "a policy of the brokers forbids it: set kafka.partitions, kafka.replication and kafka.retention as it wants them, or have the topic made",
      permanent: true,
    },
  ],
  // OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, UNKNOWN_PRODUCER_ID
  [45, { says: "the brokers lost count of this client's records: it is made anew" }],
  [47, { says: "the brokers take this client for an older one of itself: it is made anew" }],
  [59, { says: "the brokers do not know this client's records any more: it is made anew" }],
  // TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  [
    53,
    {
      says: "the brokers deny this user the transactional.id of kafka.options: leave it out, the agent uses none",
      permanent: true,
    },
  ],
  // SECURITY_DISABLED
  [54, { says: "the brokers have no authorizer, so rights can't be asked for" }],
  // KAFKA_STORAGE_ERROR
  [56, { says: "a broker can't use its disk, which is full or broken: see that broker's log" }],
  // DELEGATION_TOKEN_*
  [61, { says: "the brokers take no delegation tokens: log in otherwise", permanent: true }],
  [62, { says: "the brokers do not know this delegation token: get a new one", permanent: true }],
  [65, { says: "the brokers deny this user the delegation token: get one of its own", permanent: true }],
  [66, { says: "the delegation token has expired: get a new one", permanent: true }],
  // LISTENER_NOT_FOUND
  [
    72,
    {
      says: "a broker has no listener of the kind that the agent came by: give each broker the same listeners",
    },
  ],
  // UNSUPPORTED_COMPRESSION_TYPE
  [76, { says: "the brokers do not take this compression: set uploader.compression", permanent: true }],
  // GROUP_MAX_SIZE_REACHED
  [
    81,
    { says: "the group has as many members as the brokers allow (group.max.size): start fewer downloaders" },
  ],
  // FENCED_INSTANCE_ID, and the newer protocol's words for it
  [
    82,
    {
      says: "another member has joined with this one's name: stop the other downloader that works with this output, or with a copy of its .streamsend",
    },
  ],
  [
    111,
    {
      says: "another member still has this one's name: stop the other downloader that works with this output, or with a copy of its .streamsend",
    },
  ],
  // INVALID_RECORD
  [
    87,
    {
      says: "the topic has rules for its records that ours do not meet (compaction without keys, a schema): give the agent a topic of its own",
    },
  ],
  // THROTTLING_QUOTA_EXCEEDED
  [89, { says: "a quota of the brokers holds this up: wait, or have it raised" }],
  // The client's own
  [-192, { says: "not delivered within message.timeout.ms: take that out of kafka.options" }],
  [-198, { says: "a record can't be decompressed" }],
  [-186, { says: "the client does not take what it was given: check kafka.options" }],
  [
    -147,
    {
      says: "this member was busy for longer than max.poll.interval.ms and has lost its partitions: see whether the output's disk is too slow, or hangs",
    },
  ],
]);

/** Whether a broker's own words say no more than the code does: "Broker: Invalid timestamp". */
export function isGeneric(words: string): boolean {
  return /^(Broker|Local): [^:]*$/.test(words) || words === "";
}
