"""consume.py BROKERS TOPIC FILE BYTES: writes what produce.py has sent, and syncs it; prints the seconds, and the file's MD5."""
import hashlib, os, sys, time
from confluent_kafka import Consumer, TopicPartition

brokers, topic, path, total = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": brokers, "group.id": topic, "enable.auto.commit": False,
                     "queued.max.messages.kbytes": 16384, "fetch.queue.backoff.ms": 2})
consumer.assign([TopicPartition(topic, 0, 0)])
began, digest, received = None, hashlib.md5(), 0
with open(path + ".part", "wb") as file:
    while received < int(total):
        record = consumer.poll(1)
        if record is None:
            continue
        if record.error():
            sys.exit(str(record.error()))
        began = began or time.monotonic()
        chunk = record.value()
        file.seek(int(record.headers()[0][1]))
        file.write(chunk)
        digest.update(chunk)
        received += len(chunk)
    file.flush()
    os.fsync(file.fileno())
os.rename(path + ".part", path)
print(time.monotonic() - began, digest.hexdigest())
