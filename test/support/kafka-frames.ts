/** The frames that clients and brokers of Kafka exchange: a length (int32), then what it says. */

/** Cuts a stream into the protocol's frames, each behind its length, and hands on what `change` makes of them. */
export async function* changedFrames(
  source: AsyncIterable<Buffer>,
  change: (frame: Buffer) => Buffer,
): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const bytes of source) {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      const frame = change(rest.subarray(4, end));
      const length = Buffer.alloc(4);
      length.writeInt32BE(frame.length);
      yield Buffer.concat([length, frame]);
      rest = rest.subarray(end);
    }
  }
}
