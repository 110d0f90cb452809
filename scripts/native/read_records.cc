// KafkaConsumer.prototype.readRecords(into, most, timeoutMs, cb): reads records into a buffer of the caller's, which must not touch
// it until cb(err, used, left) is called. Up to `most` records and as many as `into` has room for; the timeout is for the first
// one, after that only what is there is taken. `used` bytes of `into` are entries, in the order in which they were read. left: one
// more, that did not fit, as a buffer of its own; or null.
//
// The package's consume() makes an object and a buffer of each record, and of each of its headers: all of that has to be collected.
//
// An entry, all numbers little-endian, and each entry at a multiple of 8:
//   0 u32 bytes of the entry      16 f64 timestamp, ms            32 i32 bytes of the key, -1: none    44 u32 bytes of all headers
//   4 i32 what it is, see below   24 i32 partition                36 i32 bytes of the value, -1: none  48 i32[2 n] bytes of each
//   8 f64 offset                  28 i32 leader epoch, -1: none   40 i32 headers n, -1: none              name and value
// and behind that the headers' names and values, the key, and the value.
// What it is: 0, a record; -191, the end of a partition, at this offset; else records of which nothing can be had, and why, by
// librdkafka's number: the offset is the last one's.
#include <string.h>
#include <algorithm>
#include <memory>
#include <string>
#include "nan.h"
#include "src/kafka-consumer.h"
#include "src/workers.h"

namespace NodeKafka {
namespace {

constexpr size_t kFixed = 48;

struct Headers {
  explicit Headers(RdKafka::Message* message) {
    rd_kafka_headers_t* all = nullptr;
    if (message->err() != RdKafka::ERR_NO_ERROR ||
        rd_kafka_message_headers(message->c_ptr(), &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return;
    list = all;
    count = static_cast<int32_t>(rd_kafka_header_cnt(all));
    each([this](const char*, size_t name, const void*, size_t value) { bytes += name + value; });
  }
  template <class Use>
  void each(Use use) const {
    const char* name;
    const void* value;
    size_t size;
    for (size_t i = 0; list && rd_kafka_header_get_all(list, i, &name, &value, &size) == 0; i++)
      use(name, strlen(name), value, value ? size : 0);
  }

  const rd_kafka_headers_t* list = nullptr;
  int32_t count = -1;
  size_t bytes = 0;
};

class Entry {
 public:
  explicit Entry(RdKafka::Message* message) : message_(message), headers_(message) {
    is_record_ = message->err() == RdKafka::ERR_NO_ERROR;
    key_ = is_record_ && message->key_pointer() ? static_cast<int32_t>(message->key_len()) : -1;
    value_ = is_record_ && message->payload() ? static_cast<int32_t>(message->len()) : -1;
    size_t bytes = kFixed + 8 * std::max(headers_.count, 0) + headers_.bytes + std::max(key_, 0) + std::max(value_, 0);
    bytes_ = (bytes + 7) & ~size_t{7};
  }

  size_t bytes() const { return bytes_; }

  void write(char* to) const {
    put<uint32_t>(to, 0, bytes_);
    put<int32_t>(to, 4, message_->err());
    put<double>(to, 8, message_->offset());
    put<double>(to, 16, is_record_ ? message_->timestamp().timestamp : -1);
    put<int32_t>(to, 24, message_->partition());
    put<int32_t>(to, 28, is_record_ ? message_->leader_epoch() : -1);
    put<int32_t>(to, 32, key_);
    put<int32_t>(to, 36, value_);
    put<int32_t>(to, 40, headers_.count);
    put<uint32_t>(to, 44, headers_.bytes);
    char* lengths = to + kFixed;
    char* at = lengths + 8 * std::max(headers_.count, 0);
    headers_.each([&](const char* name, size_t name_bytes, const void* value, size_t value_bytes) {
      put<int32_t>(lengths, 0, name_bytes);
      put<int32_t>(lengths, 4, value_bytes);
      lengths += 8;
      at = append(append(at, name, name_bytes), value, value_bytes);
    });
    if (key_ > 0) at = append(at, message_->key_pointer(), key_);
    if (value_ > 0) append(at, message_->payload(), value_);
  }

 private:
  template <class T, class From>
  static void put(char* to, size_t at, From value) {
    T number = static_cast<T>(value);
    memcpy(to + at, &number, sizeof number);
  }
  static char* append(char* at, const void* bytes, size_t count) {
    if (count > 0) memcpy(at, bytes, count);
    return at + count;
  }

  RdKafka::Message* message_;
  Headers headers_;
  bool is_record_;
  int32_t key_, value_;
  size_t bytes_;
};

class ReadRecords : public Workers::ErrorAwareWorker {
 public:
  ReadRecords(Nan::Callback* callback, KafkaConsumer* consumer, char* into, size_t room, uint32_t most, int timeout_ms)
      : ErrorAwareWorker(callback), consumer_(consumer), into_(into), room_(room), most_(most), timeout_ms_(timeout_ms) {}

  void Execute() override {
    uint32_t records = 0;
    for (int wait_ms = timeout_ms_; records < most_ && left_.empty() && used_ + kFixed <= room_;) {
      Baton taken = consumer_->Consume(wait_ms);
      if (taken.err() != RdKafka::ERR_NO_ERROR) return fail(taken, records);
      std::unique_ptr<RdKafka::Message> message(taken.data<RdKafka::Message*>());
      RdKafka::ErrorCode code = message->err();
      if (code == RdKafka::ERR__TIMED_OUT || code == RdKafka::ERR__TIMED_OUT_QUEUE) return;
      bool is_end = code == RdKafka::ERR__PARTITION_EOF;
      if (code != RdKafka::ERR_NO_ERROR && !is_end && !KafkaConsumer::IsSkipped(message.get()))
        return fail(Baton(code), records);
      if (!is_end) records++;
      if (records > 0) wait_ms = 1;
      add(message.get());
    }
  }

  void HandleOKCallback() override {
    Nan::HandleScope scope;
    v8::Local<v8::Value> rest = Nan::Null();
    if (!left_.empty()) rest = Nan::Encode(left_.data(), left_.size());
    v8::Local<v8::Value> answer[] = {Nan::Null(), Nan::New<v8::Number>(static_cast<double>(used_)), rest};
    callback->Call(3, answer);
  }

 private:
  void add(RdKafka::Message* message) {
    Entry entry(message);
    if (used_ + entry.bytes() <= room_) {
      entry.write(into_ + used_);
      used_ += entry.bytes();
    } else {
      left_.resize(entry.bytes());
      entry.write(&left_[0]);
    }
  }
  // What was read before it is not lost for it; it comes again with the next call.
  void fail(const Baton& baton, uint32_t records) {
    if (records == 0) SetErrorBaton(baton);
  }

  KafkaConsumer* consumer_;
  char* into_;
  size_t room_, used_ = 0;
  uint32_t most_;
  int timeout_ms_;
  std::string left_;
};

NAN_METHOD(NodeReadRecords) {
  if (info.Length() < 4 || !node::Buffer::HasInstance(info[0]) || !info[1]->IsNumber() || !info[2]->IsNumber() ||
      !info[3]->IsFunction())
    return Nan::ThrowError("readRecords(into, most, timeoutMs, callback)");
  Nan::AsyncQueueWorker(new ReadRecords(
      new Nan::Callback(info[3].As<v8::Function>()), Nan::ObjectWrap::Unwrap<KafkaConsumer>(info.This()),
      node::Buffer::Data(info[0]), node::Buffer::Length(info[0]), Nan::To<uint32_t>(info[1]).FromJust(),
      Nan::To<int32_t>(info[2]).FromJust()));
}

njs::ExtraMethod read_records("KafkaConsumer", "readRecords", NodeReadRecords);

}  // namespace
}  // namespace NodeKafka
