// The client's classic part alone, without the KafkaJS-style one: less memory, fewer copies.
// The package has types for both but no entry for this file. What its types lack: client-additions.d.ts.

declare module "@confluentinc/kafka-javascript/lib/error.js" {
  import type { LibrdKafkaError } from "@confluentinc/kafka-javascript/types/rdkafka";

  const errors: { create(code: number): LibrdKafkaError };
  export default errors;
}

declare module "@confluentinc/kafka-javascript/lib/rdkafka.js" {
  import * as RdKafka from "@confluentinc/kafka-javascript/types/rdkafka";
  export default RdKafka;
}
