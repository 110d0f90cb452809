// Producer.prototype.sendRecord(topic, partition, value, key, headers, number): hands a record over. Returns librdkafka's error
// number, 0: none. headers: a list of texts, name and value in turn. Its delivery report is five 64-bit floats, of many
// records in one buffer: number, error, partition, offset, and time in milliseconds (-1: none).
//
// A value of 64 KiB or more is not copied: the caller keeps it, unchanged, until the record is reported or the client has ended.
//
// The package's produce() takes an object a header, asks each for its keys, and keeps a reference for the report, which is an
// object of nine fields.
#include <string>
#include <vector>
#include "client_lock.h"
#include "src/producer.h"

namespace NodeKafka {
namespace {

// What is smaller may be a part of something large, or lie where the runtime keeps small things.
constexpr size_t kLeastLent = 64 << 10;

std::vector<std::string> texts_of(v8::Local<v8::Value> given) {
  std::vector<std::string> texts;
  v8::Local<v8::Array> list = given.As<v8::Array>();
  texts.reserve(list->Length());
  for (uint32_t i = 0; i < list->Length(); i++) {
    Nan::Utf8String text(Nan::Get(list, i).ToLocalChecked());
    texts.emplace_back(*text, static_cast<size_t>(text.length()));
  }
  return texts;
}

rd_kafka_headers_t* headers_of(const std::vector<std::string>& texts) {
  if (texts.empty()) return nullptr;
  rd_kafka_headers_t* headers = rd_kafka_headers_new(texts.size() / 2);
  for (size_t i = 0; i + 1 < texts.size(); i += 2)
    rd_kafka_header_add(headers, texts[i].data(), texts[i].size(), texts[i + 1].data(), texts[i + 1].size());
  return headers;
}

NAN_METHOD(NodeSendRecord) {
  Nan::HandleScope scope;
  bool has_value = info.Length() > 2 && node::Buffer::HasInstance(info[2]);
  if (info.Length() < 6 || !info[0]->IsString() || !info[1]->IsNumber() || !(has_value || info[2]->IsNull()) ||
      !info[3]->IsString() || !info[4]->IsArray() || !info[5]->IsNumber())
    return Nan::ThrowError("sendRecord(topic, partition, value, key, headers, number)");
  Producer* producer = Nan::ObjectWrap::Unwrap<Producer>(info.This());
  Nan::Utf8String topic(info[0]), key(info[3]);
  rd_kafka_headers_t* headers = headers_of(texts_of(info[4]));
  uintptr_t opaque = static_cast<uintptr_t>(Nan::To<int64_t>(info[5]).FromJust()) << 1 | 1;
  char* value = has_value ? node::Buffer::Data(info[2]) : nullptr;
  size_t value_bytes = has_value ? node::Buffer::Length(info[2]) : 0;
  int error = RD_KAFKA_RESP_ERR__STATE;
  {
    scoped_shared_read_lock lock(ClientLock::of(producer));
    if (producer->IsConnected())
      error = rd_kafka_producev(
          producer->GetClient()->c_ptr(), RD_KAFKA_V_TOPIC(*topic),
          RD_KAFKA_V_PARTITION(Nan::To<int32_t>(info[1]).FromJust()),
          RD_KAFKA_V_MSGFLAGS(value_bytes < kLeastLent ? RD_KAFKA_MSG_F_COPY : 0), RD_KAFKA_V_VALUE(value, value_bytes),
          RD_KAFKA_V_KEY(*key, static_cast<size_t>(key.length())), RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(opaque)),
          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
  }
  // What was handed over has taken them.
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR && headers) rd_kafka_headers_destroy(headers);
  info.GetReturnValue().Set(Nan::New<v8::Number>(error));
}

njs::ExtraMethod send_record("Producer", "sendRecord", NodeSendRecord);

}  // namespace
}  // namespace NodeKafka
