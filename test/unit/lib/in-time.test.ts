import { expect, test } from "bun:test";
import { inTime } from "../../../agent/lib/in-time.ts";

test("gives what comes in time, and nothing for what does not, however that ends", async () => {
  expect(await inTime(Promise.resolve(7), 1000)).toBe(7);
  expect(await inTime(new Promise(() => undefined), 1)).toBeUndefined();
  const late = Promise.withResolvers<number>();
  expect(await inTime(late.promise, 1)).toBeUndefined();
  late.reject(new Error("too late for anybody to hear"));
  await Bun.sleep(1);
  expect(inTime(Promise.reject(new Error("at once")), 1000)).rejects.toThrow("at once");
});
