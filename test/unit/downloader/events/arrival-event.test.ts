import { expect, test } from "bun:test";
import { deliveredEvent, failedEvent, rfc3339 } from "../../../../agent/downloader/events/arrival-event.ts";

const id = { uploader: "till", path: "a/b c.txt", version: 17 };

test("what was stored is a CloudEvent with all that is known of it", () => {
  const event = JSON.parse(
    deliveredEvent("in/box%", id, {
      ...{ size: 5, checksum: "md5:5d41402abc4b2a76b9719d911017c592", mtime: "1744741849202124005" },
      ...{ location: Buffer.from("/srv/in box/till/a/b c.txt"), attributes: { store: "42" } },
    }),
  );
  expect(new Date(event.time).getTime()).toBeGreaterThan(0);
  expect(event).toEqual({
    specversion: "1.0",
    id: "in%2Fbox%25/till/17/a/b c.txt",
    source: "/streamsend/in%2Fbox%25",
    type: "streamsend.file.delivered",
    subject: "till/a/b c.txt",
    time: event.time,
    datacontenttype: "application/json",
    data: {
      ...{ uploader: "till", path: "a/b c.txt", version: 17, size: 5 },
      checksum: "md5:5d41402abc4b2a76b9719d911017c592",
      mtime: "2025-04-15T18:30:49.202124005Z",
      location: "file:///srv/in%20box/till/a/b%20c.txt",
      attributes: { store: "42" },
    },
  });
});

test("a place is a URL byte for byte, whatever the name is", () => {
  const location = Buffer.from("/srv/%#?\n\xff\u00fc;", "latin1");
  const file = { size: 0, checksum: "md5:0", mtime: "0", location, attributes: undefined };
  const { data } = JSON.parse(deliveredEvent("g", id, file));
  expect(data.location).toBe("file:///srv/%25%23%3F%0A%FF%FC%3B");
  expect(data.attributes).toEqual({});
});

test("its source is a URI reference, whatever the group is called", () => {
  const { id: eventId, source } = JSON.parse(failedEvent('büro "nord"?#/%', id, "too long"));
  expect(source).toBe("/streamsend/b%C3%BCro%20%22nord%22%3F%23%2F%25");
  expect(eventId).toBe('büro "nord"?#%2F%25/till/17/a/b c.txt');
});

test("what has failed is one with the reason", () => {
  const { type, data } = JSON.parse(failedEvent("g", id, "its name is too long"));
  expect(type).toBe("streamsend.file.failed");
  expect(data).toEqual({ uploader: "till", path: "a/b c.txt", version: 17, reason: "its name is too long" });
});

test("times have nanoseconds, also before 1970, and of any number there is a text", () => {
  expect(rfc3339(0n)).toBe("1970-01-01T00:00:00.000000000Z");
  expect(rfc3339(-1n)).toBe("1969-12-31T23:59:59.999999999Z");
  expect(rfc3339(2n ** 63n - 1n)).toBe("2262-04-11T23:47:16.854775807Z");
  expect(rfc3339(10n ** 30n)).toMatch(/^9999-12-31T23:59:59\./);
  expect(rfc3339(-(10n ** 30n))).toMatch(/^0000-01-01T00:00:00\./);
});
