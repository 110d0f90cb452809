// AdminClient.prototype.describeConfigs(resources, timeoutMs, cb): the settings of topics and brokers, which
// the package does not offer: a topic's max.message.bytes, cleanup.policy, retention, timestamp type.
//   resources: [{type: 2 for a topic | 4 for a broker, name, keys: of those settings only, else of all}]
//   cb(err, [{type, name, error?, errorMessage?, entries: {key: {value, source, isDefault, isReadOnly,
//   isSensitive}}}])
#include <string>
#include <vector>
#include "client_lock.h"
#include "src/admin.h"
#include "src/workers.h"

namespace NodeKafka {
namespace {

struct Resource {
  int type;
  std::string name;
  std::vector<std::string> keys;
};

std::vector<std::string> to_strings(v8::Local<v8::Value> value) {
  std::vector<std::string> strings;
  if (!value->IsArray()) return strings;
  v8::Local<v8::Array> list = value.As<v8::Array>();
  for (uint32_t i = 0; i < list->Length(); i++)
    strings.emplace_back(*Nan::Utf8String(Nan::Get(list, i).ToLocalChecked()));
  return strings;
}

v8::Local<v8::Value> string_or_null(const char* text) {
  if (!text) return Nan::Null();
  return Nan::New<v8::String>(text).ToLocalChecked();
}

void set(v8::Local<v8::Object> object, const char* key, v8::Local<v8::Value> value) {
  Nan::Set(object, Nan::New<v8::String>(key).ToLocalChecked(), value);
}

v8::Local<v8::Object> to_object(const rd_kafka_ConfigEntry_t* entry) {
  v8::Local<v8::Object> object = Nan::New<v8::Object>();
  set(object, "value", string_or_null(rd_kafka_ConfigEntry_value(entry)));
  set(object, "source", Nan::New<v8::Number>(static_cast<int>(rd_kafka_ConfigEntry_source(entry))));
  set(object, "isDefault", Nan::New(rd_kafka_ConfigEntry_is_default(entry) == 1));
  set(object, "isReadOnly", Nan::New(rd_kafka_ConfigEntry_is_read_only(entry) == 1));
  set(object, "isSensitive", Nan::New(rd_kafka_ConfigEntry_is_sensitive(entry) == 1));
  return object;
}

v8::Local<v8::Object> to_object(const rd_kafka_ConfigResource_t* resource) {
  v8::Local<v8::Object> object = Nan::New<v8::Object>();
  set(object, "type", Nan::New<v8::Number>(static_cast<int>(rd_kafka_ConfigResource_type(resource))));
  set(object, "name", string_or_null(rd_kafka_ConfigResource_name(resource)));
  if (rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resource)) {
    set(object, "error", Nan::New<v8::Number>(static_cast<int>(error)));
    set(object, "errorMessage", string_or_null(rd_kafka_ConfigResource_error_string(resource)));
  }
  v8::Local<v8::Object> entries = Nan::New<v8::Object>();
  size_t count = 0;
  const rd_kafka_ConfigEntry_t** all = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; i++) set(entries, rd_kafka_ConfigEntry_name(all[i]), to_object(all[i]));
  set(object, "entries", entries);
  return object;
}

class DescribeConfigs : public Workers::ErrorAwareWorker {
 public:
  DescribeConfigs(Nan::Callback* callback, AdminClient* admin, std::vector<Resource> resources,
                  int timeout_ms)
      : ErrorAwareWorker(callback),
        admin_(admin),
        resources_(std::move(resources)),
        timeout_ms_(timeout_ms) {}
  ~DescribeConfigs() {
    if (answer_) rd_kafka_event_destroy(answer_);
  }

  void Execute() override {
    scoped_shared_read_lock lock(ClientLock::of(admin_));
    if (!admin_->IsConnected()) return SetErrorCode(RdKafka::ERR__STATE);
    rd_kafka_t* client = admin_->GetClient()->c_ptr();
    std::vector<rd_kafka_ConfigResource_t*> resources;
    for (const Resource& resource : resources_) {
      rd_kafka_ResourceType_t type = static_cast<rd_kafka_ResourceType_t>(resource.type);
      rd_kafka_ConfigResource_t* asked = rd_kafka_ConfigResource_new(type, resource.name.c_str());
      for (const std::string& key : resource.keys) rd_kafka_ConfigResource_set_config(asked, key.c_str(), "");
      resources.push_back(asked);
    }
    rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    char problem[256];
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms_, problem, sizeof problem);
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeConfigs(client, resources.data(), resources.size(), options, queue);
    answer_ =
        rd_kafka_queue_poll(queue, timeout_ms_ + 500);  // longer than the request: never race its timeout
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(resources.data(), resources.size());
    if (!answer_) {
      SetErrorCode(RdKafka::ERR__TIMED_OUT);
    } else if (rd_kafka_event_error(answer_)) {
      SetErrorCode(static_cast<int>(rd_kafka_event_error(answer_)));
    }
  }

  void HandleOKCallback() override {
    Nan::HandleScope scope;
    size_t count = 0;
    const rd_kafka_ConfigResource_t** resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(answer_), &count);
    v8::Local<v8::Array> described = Nan::New<v8::Array>();
    for (size_t i = 0; i < count; i++) Nan::Set(described, i, to_object(resources[i]));
    v8::Local<v8::Value> arguments[2] = {Nan::Null(), described};
    callback->Call(2, arguments);
  }

 private:
  AdminClient* admin_;
  std::vector<Resource> resources_;
  int timeout_ms_;
  rd_kafka_event_t* answer_ = nullptr;
};

NAN_METHOD(NodeDescribeConfigs) {
  Nan::HandleScope scope;
  if (info.Length() < 3 || !info[0]->IsArray() || !info[1]->IsNumber() || !info[2]->IsFunction()) {
    return Nan::ThrowError("describeConfigs(resources, timeoutMs, callback)");
  }
  v8::Local<v8::Array> list = info[0].As<v8::Array>();
  std::vector<Resource> resources;
  for (uint32_t i = 0; i < list->Length(); i++) {
    v8::Local<v8::Value> resource = Nan::Get(list, i).ToLocalChecked();
    if (!resource->IsObject()) return Nan::ThrowError("a resource must be {type, name}");
    v8::Local<v8::Object> object = resource.As<v8::Object>();
    resources.push_back({static_cast<int>(GetParameter<int64_t>(object, "type", 2)),
                         GetParameter<std::string>(object, "name", ""),
                         to_strings(Nan::Get(object, Nan::New<v8::String>("keys").ToLocalChecked()).ToLocalChecked())});
  }
  AdminClient* admin = Nan::ObjectWrap::Unwrap<AdminClient>(info.This());
  Nan::AsyncQueueWorker(new DescribeConfigs(new Nan::Callback(info[2].As<v8::Function>()), admin,
                                            std::move(resources), Nan::To<int32_t>(info[1]).FromJust()));
}

njs::ExtraMethod describe_configs("AdminClient", "describeConfigs", NodeDescribeConfigs);

}  // namespace
}  // namespace NodeKafka
