import { expect, test } from "bun:test";
import { readOnly } from "../../../agent/kafka/admin.ts";
import type { Client } from "../../../agent/kafka/connection/client.ts";

test("who only looks has the client, and can write nothing", async () => {
  const client = {} as Client;
  const producer = readOnly(client);
  expect(await producer.client()).toBe(client);
  const record = { topic: "ledger", partition: 0, key: "name/till", value: null };
  expect(producer.send(record)).rejects.toThrow("nothing is to be written here");
  expect(producer.renew("")).rejects.toThrow("nothing is to be written here");
});
