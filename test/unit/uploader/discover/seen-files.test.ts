import { expect, test } from "bun:test";
import type { Mark } from "../../../../agent/uploader/discover/look.ts";
import { SeenFiles, type Verdict } from "../../../../agent/uploader/discover/seen-files.ts";
import { Random } from "../../../support/random.ts";

/** Many that want the same slot, or the last ones. */
function markOf(number: number): Mark {
  return { low: number % 3 === 0 ? 0xffffffff : number % 7, high: number };
}

test("what is noted is found, and what is deleted is not, whatever came before", () => {
  const random = new Random(1);
  const seen = new SeenFiles();
  const model = new Map<number, [Verdict, number]>();
  const verdicts: readonly Verdict[] = ["passed", "sent", "left", "waiting"];
  for (let step = 0; step < 20_000; step++) {
    const number = random.below(300);
    if (random.below(3) === 0) {
      seen.delete(markOf(number));
      model.delete(number);
    } else {
      const verdict = verdicts[random.below(verdicts.length)] ?? "sent";
      seen.set(markOf(number), verdict, step);
      model.set(number, [verdict, step]);
    }
    const asked = random.below(300);
    const found = seen.get(markOf(asked));
    const [verdict, time] = model.get(asked) ?? [];
    expect(found).toBe(verdict);
    if (found) expect(seen.time).toBe(time as number);
    expect(seen.size).toBe(model.size);
  }
});

function filled(verdict: Verdict, from: number, to: number, seen = new SeenFiles()): SeenFiles {
  for (let number = from; number < to; number++) seen.set({ low: number, high: 1 }, verdict);
  return seen;
}

test("after a complete look only what it has seen is known", () => {
  const seen = filled("sent", 0, 5000);
  seen.beginLook();
  for (let number = 0; number < 10; number++) seen.get({ low: number, high: 1 });
  filled("left", 5000, 5005, seen);
  seen.endLook(true);
  expect(seen.size).toBe(15);
  expect(seen.get({ low: 9, high: 1 })).toBe("sent");
  expect(seen.get({ low: 10, high: 1 })).toBeUndefined();
  expect(seen.get({ low: 5004, high: 1 })).toBe("left");
});

test("a look that was not complete forgets nothing that is left alone, and of the rest no more than it has to", () => {
  const seen = filled("sent", 0, 5000, filled("left", 5000, 6000));
  seen.beginLook();
  seen.endLook(false);
  expect(seen.size).toBe(1000);
  filled("sent", 0, 10, seen);
  seen.beginLook();
  seen.endLook(false);
  expect(seen.size).toBe(1010);
});
