"""produce.py BROKERS TOPIC FILE CHUNK_BYTES: sends a file in chunks; prints the seconds, and the file's MD5."""
import hashlib, sys, time
from confluent_kafka import Producer

brokers, topic, path, chunk_bytes = sys.argv[1:]
failed = []
producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 5,
                     "message.max.bytes": 2_000_000, "queue.buffering.max.kbytes": 16384})
began, digest, offset = time.monotonic(), hashlib.md5(), 0
with open(path, "rb") as file:
    while chunk := file.read(int(chunk_bytes)):
        digest.update(chunk)
        while True:
            try:
                producer.produce(topic, chunk, path, 0, headers=[("offset", str(offset))],
                                 on_delivery=lambda error, _: error and failed.append(error))
                break
            except BufferError:
                producer.poll(0.01)
        producer.poll(0)
        offset += len(chunk)
producer.flush()
if failed:
    sys.exit(str(failed[0]))
print(time.monotonic() - began, digest.hexdigest())
