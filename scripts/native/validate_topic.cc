// AdminClient.prototype.validateTopic(topic, timeoutMs, cb): what createTopic would answer, without making anything;
// the package's createTopic does not offer it.
//   topic: as for createTopic; cb(err): the brokers' reason why they would not make it
#include <string>
#include "client_lock.h"
#include "src/admin.h"
#include "src/workers.h"

namespace NodeKafka {
namespace {

class ValidateTopic : public Workers::ErrorAwareWorker {
 public:
  ValidateTopic(Nan::Callback* callback, AdminClient* admin, rd_kafka_NewTopic_t* topic, int timeout_ms)
      : ErrorAwareWorker(callback), admin_(admin), topic_(topic), timeout_ms_(timeout_ms) {}
  ~ValidateTopic() { rd_kafka_NewTopic_destroy(topic_); }

  void Execute() override {
    scoped_shared_read_lock lock(ClientLock::of(admin_));
    if (!admin_->IsConnected()) return SetErrorCode(RdKafka::ERR__STATE);
    rd_kafka_t* client = admin_->GetClient()->c_ptr();
    rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char problem[256];
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms_, problem, sizeof problem);
    rd_kafka_AdminOptions_set_validate_only(options, 1, problem, sizeof problem);
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic_, 1, options, queue);
    // Longer than the request: never race its timeout.
    rd_kafka_event_t* answer = rd_kafka_queue_poll(queue, timeout_ms_ + 500);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    if (!answer) return SetErrorCode(RdKafka::ERR__TIMED_OUT);
    take(answer);
    rd_kafka_event_destroy(answer);
  }

  void HandleOKCallback() override {
    Nan::HandleScope scope;
    v8::Local<v8::Value> arguments[1] = {Nan::Null()};
    callback->Call(1, arguments);
  }

 private:
  void take(rd_kafka_event_t* answer) {
    if (rd_kafka_resp_err_t error = rd_kafka_event_error(answer)) {
      return refuse(error, rd_kafka_event_error_string(answer));
    }
    size_t count = 0;
    const rd_kafka_topic_result_t** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer), &count);
    for (size_t i = 0; i < count; i++) {
      rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
      if (error) return refuse(error, rd_kafka_topic_result_error_string(results[i]));
    }
  }

  void refuse(rd_kafka_resp_err_t error, const char* reason) {
    std::string text = reason ? reason : rd_kafka_err2str(error);
    SetErrorBaton(Baton(static_cast<RdKafka::ErrorCode>(error), text));
  }

  AdminClient* admin_;
  rd_kafka_NewTopic_t* topic_;
  int timeout_ms_;
};

NAN_METHOD(NodeValidateTopic) {
  Nan::HandleScope scope;
  if (info.Length() < 3 || !info[0]->IsObject() || !info[1]->IsNumber() || !info[2]->IsFunction()) {
    return Nan::ThrowError("validateTopic(topic, timeoutMs, callback)");
  }
  std::string problem;
  rd_kafka_NewTopic_t* topic = Conversion::Admin::FromV8TopicObject(info[0].As<v8::Object>(), problem);
  if (!topic) return Nan::ThrowError(problem.c_str());
  AdminClient* admin = Nan::ObjectWrap::Unwrap<AdminClient>(info.This());
  Nan::AsyncQueueWorker(new ValidateTopic(new Nan::Callback(info[2].As<v8::Function>()), admin, topic,
                                          Nan::To<int32_t>(info[1]).FromJust()));
}

njs::ExtraMethod validate_topic("AdminClient", "validateTopic", NodeValidateTopic);

}  // namespace
}  // namespace NodeKafka
