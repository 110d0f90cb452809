/** A stranger's transaction, on any topic. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";

const timeoutMs = 20_000;

/** The calls that the package's types leave out. */
interface Transactional {
  initTransactions(timeoutMs: number, done: (error: unknown) => void): void;
  beginTransaction(done: (error: unknown) => void): void;
  commitTransaction(timeoutMs: number, done: (error: unknown) => void): void;
}

/** Writes a record in a transaction, which ends with it or is left open. The brokers have it when this resolves. */
export async function writeInTransaction(
  brokers: string,
  topic: string,
  { commit }: { commit: boolean },
): Promise<void> {
  const settings = { "bootstrap.servers": brokers, "transactional.id": crypto.randomUUID() };
  const producer = new RdKafka.Producer(settings);
  const transactions = producer as unknown as Transactional;
  await ask((done) => producer.connect({ timeout: timeoutMs }, done));
  producer.setPollInBackground(true);
  await ask((done) => transactions.initTransactions(timeoutMs, done));
  await ask((done) => transactions.beginTransaction(done));
  producer.produce(topic, 0, Buffer.from("a stranger's"), "stranger");
  await ask((done) => producer.flush(timeoutMs, done as never));
  if (commit) await ask((done) => transactions.commitTransaction(timeoutMs, done));
  await ask((done) => producer.disconnect(done));
}

function ask(call: (done: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(new Error("the transaction", { cause: error })) : resolve()));
  });
}
