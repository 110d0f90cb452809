// Optional extra source. Adds itself to AdminClient (njs::ExtraMethod in nan.h): the package is not touched.
// AdminClient.prototype.describeConfigs([{type: 2 topic | 4 broker, name}], timeoutMs, cb): not in the
// package. cb(err, [{type, name, error?, entries: {key: {value, source, isDefault, isReadOnly,
// isSensitive}}}])
#include <string>
#include <utility>
#include <vector>
#include "src/admin.h"
#include "src/workers.h"
namespace NodeKafka {
namespace {
v8::Local<v8::Value> S(const char* s) {
  if (!s) return Nan::Null();
  return Nan::New<v8::String>(s).ToLocalChecked();
}
void Put(v8::Local<v8::Object> o, const char* k, v8::Local<v8::Value> v) {
  Nan::Set(o, Nan::New<v8::String>(k).ToLocalChecked(), v);
}
class Worker : public Workers::ErrorAwareWorker {
 public:
  Worker(Nan::Callback* cb, AdminClient* c, std::vector<std::pair<int, std::string>> r, int t)
      : ErrorAwareWorker(cb), c_(c), r_(std::move(r)), t_(t) {}
  ~Worker() {
    if (ev_) rd_kafka_event_destroy(ev_);
  }
  void Execute() {
    if (!c_->IsConnected()) {
      SetErrorCode(RdKafka::ERR__STATE);
      return;
    }
    rd_kafka_t* rk = c_->GetClient()->c_ptr();
    std::vector<rd_kafka_ConfigResource_t*> res;
    for (auto& x : r_)
      res.push_back(rd_kafka_ConfigResource_new((rd_kafka_ResourceType_t)x.first, x.second.c_str()));
    rd_kafka_AdminOptions_t* o = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    char err[256];
    rd_kafka_AdminOptions_set_request_timeout(o, t_, err, sizeof err);
    rd_kafka_queue_t* q = rd_kafka_queue_new(rk);
    rd_kafka_DescribeConfigs(rk, res.data(), res.size(), o, q);
    ev_ = rd_kafka_queue_poll(q, t_ + 500);  // a little longer than the request: never race its timeout
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(o);
    rd_kafka_ConfigResource_destroy_array(res.data(), res.size());
    if (!ev_)
      SetErrorCode(RdKafka::ERR__TIMED_OUT);
    else if (rd_kafka_event_error(ev_))
      SetErrorCode((int)rd_kafka_event_error(ev_));
  }
  void HandleOKCallback() {
    Nan::HandleScope scope;
    size_t n = 0;
    const rd_kafka_ConfigResource_t** rs =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev_), &n);
    v8::Local<v8::Array> out = Nan::New<v8::Array>();
    for (size_t i = 0; i < n; i++) {
      v8::Local<v8::Object> o = Nan::New<v8::Object>();
      Put(o, "type", Nan::New<v8::Number>((int)rd_kafka_ConfigResource_type(rs[i])));
      Put(o, "name", S(rd_kafka_ConfigResource_name(rs[i])));
      if (rd_kafka_ConfigResource_error(rs[i])) {
        Put(o, "error", Nan::New<v8::Number>((int)rd_kafka_ConfigResource_error(rs[i])));
        Put(o, "errorMessage", S(rd_kafka_ConfigResource_error_string(rs[i])));
      }
      size_t m = 0;
      const rd_kafka_ConfigEntry_t** es = rd_kafka_ConfigResource_configs(rs[i], &m);
      v8::Local<v8::Object> entries = Nan::New<v8::Object>();
      for (size_t j = 0; j < m; j++) {
        v8::Local<v8::Object> e = Nan::New<v8::Object>();
        Put(e, "value", S(rd_kafka_ConfigEntry_value(es[j])));
        Put(e, "source", Nan::New<v8::Number>((int)rd_kafka_ConfigEntry_source(es[j])));
        Put(e, "isDefault", Nan::New(rd_kafka_ConfigEntry_is_default(es[j]) == 1));
        Put(e, "isReadOnly", Nan::New(rd_kafka_ConfigEntry_is_read_only(es[j]) == 1));
        Put(e, "isSensitive", Nan::New(rd_kafka_ConfigEntry_is_sensitive(es[j]) == 1));
        Put(entries, rd_kafka_ConfigEntry_name(es[j]), e);
      }
      Put(o, "entries", entries);
      Nan::Set(out, i, o);
    }
    v8::Local<v8::Value> argv[2] = {Nan::Null(), out};
    callback->Call(2, argv);
  }

 private:
  AdminClient* c_;
  std::vector<std::pair<int, std::string>> r_;
  int t_;
  rd_kafka_event_t* ev_ = nullptr;
};
}  // namespace
static NAN_METHOD(NodeDescribeConfigs) {
  Nan::HandleScope scope;
  if (info.Length() < 3 || !info[0]->IsArray() || !info[1]->IsNumber() || !info[2]->IsFunction())
    return Nan::ThrowError("describeConfigs(resources, timeoutMs, callback)");
  std::vector<std::pair<int, std::string>> r;
  v8::Local<v8::Array> a = info[0].As<v8::Array>();
  for (uint32_t i = 0; i < a->Length(); i++) {
    v8::Local<v8::Value> v = Nan::Get(a, i).ToLocalChecked();
    if (!v->IsObject()) return Nan::ThrowError("resource must be {type, name}");
    v8::Local<v8::Object> o = v.As<v8::Object>();
    r.emplace_back((int)GetParameter<int64_t>(o, "type", 2), GetParameter<std::string>(o, "name", ""));
  }
  AdminClient* client = Nan::ObjectWrap::Unwrap<AdminClient>(info.This());
  Nan::AsyncQueueWorker(new Worker(new Nan::Callback(info[2].As<v8::Function>()), client, std::move(r),
                                   Nan::To<int32_t>(info[1]).FromJust()));
}
static njs::ExtraMethod describe_configs("AdminClient", "describeConfigs", NodeDescribeConfigs);
}  // namespace NodeKafka
