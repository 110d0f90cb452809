/** Commands of Kafka's own tools that mend what was found, ready to be copied. */
import type { KafkaConfig } from "../config/config.ts";
import type { Operation } from "../kafka/topics/inspect.ts";
import type { NewTopic } from "../kafka/topics/new-topic.ts";

export function setTopic(kafka: KafkaConfig, topic: string, setting: string): string {
  return `kafka-configs.sh ${server(kafka)} --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`;
}

export function makeTopic(kafka: KafkaConfig, { name, partitions, settings }: NewTopic): string {
  const replicas = kafka.replication < 0 ? [] : [`--replication-factor ${kafka.replication}`];
  const configs = Object.entries(settings).map(([key, value]) => `--config ${key}=${value}`);
  const parts = [
    server(kafka),
    "--create --topic",
    name,
    "--partitions",
    partitions,
    ...replicas,
    ...configs,
  ];
  return `kafka-topics.sh ${parts.join(" ")}`;
}

export function addPartitions(kafka: KafkaConfig, topic: string, partitions: number): string {
  return `kafka-topics.sh ${server(kafka)} --alter --topic ${topic} --partitions ${partitions}`;
}

export function giveRights(
  kafka: KafkaConfig,
  resource: "topic" | "group",
  name: string,
  operations: readonly Operation[],
): string {
  const user = kafka.sasl?.username ?? "USER";
  const wanted = operations.map((operation) => `--operation ${inTool(operation)}`).join(" ");
  return `kafka-acls.sh ${server(kafka)} --add --allow-principal User:${user} ${wanted} --${resource} ${name}`;
}

/** `DescribeConfigs` for DESCRIBE_CONFIGS. */
function inTool(operation: Operation): string {
  return operation
    .split("_")
    .map((word) => `${word[0]}${word.slice(1).toLowerCase()}`)
    .join("");
}

function server({ brokers }: KafkaConfig): string {
  return `--bootstrap-server ${brokers[0]}`;
}
