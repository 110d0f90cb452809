// KafkaConsumer.prototype.commitAndWait(offsets, timeoutMs, cb): commits, and calls back with the broker's
// answer.
//
// The package's commitCb only queues the commit and reports success at once; a refused one (the member was
// thrown out of its group) is a line in the log. Its commitSync waits, but on the JavaScript thread and
// without a limit. Here a worker thread waits, on a queue of this one commit.
//   offsets: [{topic, partition, offset, metadata?}], as for commit()
//   cb(err): null only when the broker has accepted every offset; err.code is librdkafka's number.
#include <string>
#include <vector>
#include "client_lock.h"
#include "src/kafka-consumer.h"
#include "src/workers.h"

namespace NodeKafka {
namespace {

class CommitAndWait : public Workers::ErrorAwareWorker {
 public:
  CommitAndWait(Nan::Callback* callback, KafkaConsumer* consumer, rd_kafka_topic_partition_list_t* offsets,
                int timeout_ms)
      : ErrorAwareWorker(callback), consumer_(consumer), offsets_(offsets), timeout_ms_(timeout_ms) {}
  ~CommitAndWait() { rd_kafka_topic_partition_list_destroy(offsets_); }

  void Execute() override {
    scoped_shared_read_lock lock(ClientLock::of(consumer_));
    if (!consumer_->IsConnected()) return SetErrorCode(RdKafka::ERR__STATE);
    rd_kafka_t* client = consumer_->GetClient()->c_ptr();
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    rd_kafka_resp_err_t refused = rd_kafka_commit_queue(client, offsets_, queue, nullptr, nullptr);
    rd_kafka_event_t* answer = refused ? nullptr : rd_kafka_queue_poll(queue, timeout_ms_);
    if (refused) {
      SetErrorCode(static_cast<int>(refused));
    } else if (!answer) {
      SetErrorCode(RdKafka::ERR__TIMED_OUT);
    } else if (rd_kafka_resp_err_t error = first_error(answer)) {
      SetErrorCode(static_cast<int>(error));
    }
    if (answer) rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
  }

  void HandleOKCallback() override {
    Nan::HandleScope scope;
    v8::Local<v8::Value> none = Nan::Null();
    callback->Call(1, &none);
  }

 private:
  // The commit as a whole succeeds when some of its partitions do.
  static rd_kafka_resp_err_t first_error(rd_kafka_event_t* answer) {
    if (rd_kafka_event_error(answer)) return rd_kafka_event_error(answer);
    rd_kafka_topic_partition_list_t* partitions = rd_kafka_event_topic_partition_list(answer);
    for (int i = 0; partitions && i < partitions->cnt; i++) {
      if (partitions->elems[i].err) return partitions->elems[i].err;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  KafkaConsumer* consumer_;
  rd_kafka_topic_partition_list_t* offsets_;
  int timeout_ms_;
};

// As the package's commit() reads them: with metadata and leader epoch. Takes `offsets` over.
rd_kafka_topic_partition_list_t* to_list(std::vector<RdKafka::TopicPartition*> offsets) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size()));
  for (RdKafka::TopicPartition* from : offsets) {
    rd_kafka_topic_partition_t* to =
        rd_kafka_topic_partition_list_add(list, from->topic().c_str(), from->partition());
    to->offset = from->offset();
    rd_kafka_topic_partition_set_leader_epoch(to, from->get_leader_epoch());
    std::vector<unsigned char> metadata = from->get_metadata();
    if (metadata.empty()) continue;
    to->metadata = malloc(metadata.size());  // freed with the list
    to->metadata_size = metadata.size();
    memcpy(to->metadata, metadata.data(), metadata.size());
  }
  RdKafka::TopicPartition::destroy(offsets);
  return list;
}

NAN_METHOD(NodeCommitAndWait) {
  Nan::HandleScope scope;
  if (info.Length() < 3 || !info[0]->IsArray() || !info[1]->IsNumber() || !info[2]->IsFunction()) {
    return Nan::ThrowError("commitAndWait(offsets, timeoutMs, callback)");
  }
  KafkaConsumer* consumer = Nan::ObjectWrap::Unwrap<KafkaConsumer>(info.This());
  v8::Local<v8::Array> given = info[0].As<v8::Array>();
  rd_kafka_topic_partition_list_t* offsets = to_list(Conversion::TopicPartition::FromV8Array(given));
  if (static_cast<uint32_t>(offsets->cnt) != given->Length()) {  // what it cannot read, it leaves out
    rd_kafka_topic_partition_list_destroy(offsets);
    return Nan::ThrowError("an offset must be {topic, partition, offset}");
  }
  Nan::AsyncQueueWorker(new CommitAndWait(new Nan::Callback(info[2].As<v8::Function>()), consumer, offsets,
                                          Nan::To<int32_t>(info[1]).FromJust()));
}

njs::ExtraMethod commit_and_wait("KafkaConsumer", "commitAndWait", NodeCommitAndWait);

}  // namespace
}  // namespace NodeKafka
