import { expect, test } from "bun:test";
import { Log } from "../../../../agent/observe/log.ts";
import { WatchLimit } from "../../../../agent/uploader/discover/watch-limit.ts";

function prepare() {
  const said: string[] = [];
  const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
    warn: (message: string) => said.push(message),
    info: (message: string) => said.push(message),
  });
  const limit = new WatchLimit("/watch", log);
  /** @param descriptors one a folder */
  const look = (descriptors: readonly number[], refused = 0) => {
    limit.beginLook(refused);
    for (const descriptor of descriptors) limit.folder(descriptor);
    limit.endLook(true);
  };
  return { look, said, troubles: () => [...log.troubles.open].map(({ reason }) => reason) };
}

test("folders without a watch are said once, with what to raise and to how much, until all have one", () => {
  const { look, said, troubles } = prepare();
  look([1, 2, 3]);
  expect(said).toEqual([]);
  const many = Array.from({ length: 400_000 }, (_, at) => (at < 5 ? at + 1 : -28));
  look(many);
  look(many);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("/watch: 399995 of 400000 folders have no events");
  expect(said[0]).toContain("sysctl -w fs.inotify.max_user_watches=800000");
  expect(troubles()).toHaveLength(1);
  look([1, 2, 3]);
  expect(said).toHaveLength(2);
  expect(troubles()).toEqual([]);
});

test("no descriptor for events is said with what to raise", () => {
  const { look, said, troubles } = prepare();
  look([0, 0], 24);
  expect(said[0]).toContain("2 of 2 folders");
  expect(said[0]).toContain("sysctl -w fs.inotify.max_user_instances=");
  expect(troubles()[0]).toContain("max_user_instances");
});
