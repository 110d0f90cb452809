/**
 * What the brokers' and the client's errors mean to people, with the cure where there is one. Codes and names: the Kafka
 * protocol's error codes (https://kafka.apache.org/protocol#protocol_error_codes), librdkafka's for the negative ones.
 */

/** Asking again may help. */
const passing: Readonly<Record<string, string>> = {
  // CORRUPT_MESSAGE
  2: "the brokers found the record damaged: check the memory and the network of this machine",
  // UNKNOWN_TOPIC_OR_PARTITION, also the client's own for a topic and a partition
  3: "the topic or the partition is not there (any more): see whether it was deleted, and kafka.topic",
  "-188": "the topic is not there (any more): see whether it was deleted, and kafka.topic",
  "-190": "the partition is not there (any more): see whether its topic was made anew",
  // LEADER_NOT_AVAILABLE
  5: "a partition has no leader now: start the brokers that hold it",
  // REQUEST_TIMED_OUT
  7: "the brokers could not finish this in time: see whether all of them run",
  // MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE
  10: "the topic takes no records of this size (max.message.bytes)",
  18: "the topic takes no batches of this size: its segment.bytes is less",
  // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE
  14: "the group's coordinator is just starting",
  15: "the group has no coordinator: see whether the topic __consumer_offsets is there and has enough replicas in sync (offsets.topic.replication.factor, min.insync.replicas)",
  // NOT_ENOUGH_REPLICAS, and _AFTER_APPEND
  19: "too few replicas are in sync (min.insync.replicas): start the brokers that hold the others",
  20: "too few replicas are in sync (min.insync.replicas): start the brokers that hold the others",
  // UNKNOWN_MEMBER_ID
  25: "this member was put out of the group: it was not heard of for session.timeout.ms",
  // INVALID_TIMESTAMP
  32: "the brokers refuse the time of this device's clock (the topic's message.timestamp.before.max.ms and after.max.ms): set the clock, or the topic's message.timestamp.type=LogAppendTime",
  // OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, UNKNOWN_PRODUCER_ID
  45: "the brokers lost count of this client's records: it is made anew",
  47: "the brokers take this client for an older one of itself: it is made anew",
  59: "the brokers do not know this client's records any more: it is made anew",
  // SECURITY_DISABLED
  54: "the brokers have no authorizer, so rights can't be asked for",
  // KAFKA_STORAGE_ERROR
  56: "a broker can't use its disk, which is full or broken: see that broker's log",
  // LISTENER_NOT_FOUND
  72: "a broker has no listener of the kind that the agent came by: give each broker the same listeners",
  // GROUP_MAX_SIZE_REACHED
  81: "the group has as many members as the brokers allow (group.max.size): start fewer downloaders",
  // FENCED_INSTANCE_ID, and the newer protocol's words for it
  82: "another member has joined with this one's name: stop the other downloader that works with this output, or with a copy of its .streamsend",
  111: "another member still has this one's name: stop the other downloader that works with this output, or with a copy of its .streamsend",
  // INVALID_RECORD
  87: "the topic has rules for its records that ours do not meet (compaction without keys, a schema): give the agent a topic of its own",
  // THROTTLING_QUOTA_EXCEEDED
  89: "a quota of the brokers holds this up: wait, or have it raised",
  // The client's own; the first: the brokers no longer name the one that was asked
  "-137": "the broker that was asked is not in the cluster any more: another one is asked",
  "-192": "not delivered within message.timeout.ms: take that out of kafka.options",
  "-198": "a record can't be decompressed",
  "-186": "the client does not take what it was given: check kafka.options",
  "-147":
    "this member was busy for longer than max.poll.interval.ms and has lost its partitions: see whether the output's disk is too slow, or hangs",
};

/** Asking again changes nothing before somebody has done something. */
const permanent: Readonly<Record<string, string>> = {
  // OFFSET_METADATA_TOO_LARGE
  12: "the brokers' offset.metadata.max.bytes is too small: set it back to 4096",
  // INVALID_TOPIC_EXCEPTION
  17: "the brokers take no topic of this name: set kafka.topic and kafka.ledger",
  // INCONSISTENT_GROUP_PROTOCOL
  23: "the group's members share partitions in another way (partition.assignment.strategy), so they are no downloaders of this kind: set downloader.group to a group of its own",
  // INVALID_GROUP_ID
  24: "the brokers take no group of this name: set downloader.group",
  // INVALID_SESSION_TIMEOUT
  26: "the brokers allow no session.timeout.ms of this length: set one in kafka.options between their group.min.session.timeout.ms and group.max.session.timeout.ms",
  // INVALID_COMMIT_OFFSET_SIZE
  28: "the brokers' offset.metadata.max.bytes is too small: set it back to 4096",
  // UNSUPPORTED_SASL_MECHANISM
  33: "the brokers do not offer this kafka.sasl.mechanism",
  // UNSUPPORTED_VERSION
  35: "these brokers do not know a request that is needed: update them",
  // INVALID_PARTITIONS
  37: "the brokers make no topic with so many partitions: set kafka.partitions and kafka.ledger_partitions",
  // INVALID_REPLICATION_FACTOR
  38: "there are fewer brokers than copies (replication factor): set kafka.replication, or start more brokers",
  // INVALID_CONFIG
  40: "the brokers make no topic with these settings: set kafka.retention, or make the topic yourself",
  // POLICY_VIOLATION
  44: "a policy of the brokers forbids it: set kafka.partitions, kafka.replication and kafka.retention as it wants them, or have the topic made",
  // TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  53: "the brokers deny this user the transactional.id of kafka.options: leave it out, the agent uses none",
  // DELEGATION_TOKEN_*
  61: "the brokers take no delegation tokens: log in otherwise",
  62: "the brokers do not know this delegation token: get a new one",
  65: "the brokers deny this user the delegation token: get one of its own",
  66: "the delegation token has expired: get a new one",
  // UNSUPPORTED_COMPRESSION_TYPE
  76: "the brokers do not take this compression: set uploader.compression",
};

/** By code. */
export const errorTexts: Readonly<Record<string, string>> = { ...passing, ...permanent };

/** Whether asking again changes nothing, of the codes that have a text here. */
export function isPermanentCode(code: number): boolean {
  return Object.hasOwn(permanent, code);
}

/** Whether a broker's own words say no more than the code does: "Broker: Invalid timestamp". */
export function isGeneric(words: string): boolean {
  return /^(Broker|Local): [^:]*$/.test(words) || words === "";
}
