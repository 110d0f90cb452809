// What the calls for files below a folder have in common: made on a worker thread, answered by callback(error) or
// callback(null, numbers), a buffer of 64-bit integers in the machine's order.
//
// They have threads of their own: a mount that does not answer keeps one for each call, and must not keep the Kafka
// client's.
#ifndef BELOW_CALL_H_
#define BELOW_CALL_H_
#include <string>
#include <vector>
#include "below.h"
#include "nan.h"
#include "system_error.h"

namespace below {

class Call : public Nan::AsyncWorker {
 public:
  explicit Call(Nan::Callback* callback) : AsyncWorker(callback) {}
  void queue() {
    static njs::Pool* pool = new njs::Pool;  // never destroyed, as the client's
    held_.take();
    loop_ = njs::frame->loop;
    loop_->retain();
    pool->queue(this);
  }

 protected:
  std::vector<int64_t> numbers_;
  Failure failure_;

  void fail(const char* syscall) { failure_ = {errno, syscall}; }
  void add_state(const struct stat& s) {
    numbers_.insert(numbers_.end(),
                    {static_cast<int64_t>(s.st_dev), static_cast<int64_t>(s.st_ino),
                     static_cast<int64_t>(s.st_mode), static_cast<int64_t>(s.st_size), s.st_mtim.tv_sec,
                     s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec});
  }
  // To the end of the answer, filled up with zeros.
  void add_bytes(const char* bytes, size_t count) {
    size_t at = numbers_.size();
    numbers_.resize(at + (count + sizeof(int64_t) - 1) / sizeof(int64_t));
    memcpy(numbers_.data() + at, bytes, count);
  }
  void HandleOKCallback() override {
    if (failure_.number != 0) {
      v8::Local<v8::Value> error = system_error::make(failure_.number, failure_.syscall);
      callback->Call(1, &error);
      return;
    }
    v8::Local<v8::Value> answer[] = {Nan::Null(),
                                     Nan::Encode(numbers_.data(), numbers_.size() * sizeof(int64_t))};
    callback->Call(2, answer);
  }
};

inline bool is_bytes(v8::Local<v8::Value> value) { return node::Buffer::HasInstance(value); }

inline std::string bytes_of(v8::Local<v8::Value> value) {
  return std::string(node::Buffer::Data(value), node::Buffer::Length(value));
}

inline Nan::Callback* callback_of(v8::Local<v8::Value> value) {
  return new Nan::Callback(value.As<v8::Function>());
}

}  // namespace below
#endif
