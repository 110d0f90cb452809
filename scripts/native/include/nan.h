// nan.h: the part of NAN that @confluentinc/kafka-javascript uses, on Node-API.
#ifndef NJS_NAN_H_
#define NJS_NAN_H_
#include <assert.h>
#include <stdlib.h>
#include <time.h>
#include <list>
#include <string>
#include "node.h"

#define NAN_INLINE inline
#define NAN_METHOD(name) void name(const Nan::FunctionCallbackInfo<v8::Value>& info)
#define NAUV_WORK_CB(name) void name(uv_async_t* async)

namespace Nan {
using v8::Maybe;
using v8::MaybeLocal;
using v8::Persistent;
inline v8::Local<v8::Context> GetCurrentContext() { return {}; }

// Inside a method, Node-API's own scope covers the call (and the return value must outlive ours). From the
// event loop scopes are real: a backlog of messages is delivered in one go.
class HandleScope {
 public:
  HandleScope() {
    if (njs::frame && !njs::frame->method) napi_open_handle_scope(env_ = njs::frame->env, &s_);
  }
  ~HandleScope() {
    if (s_) napi_close_handle_scope(env_, s_);
  }
  HandleScope(const HandleScope&) = delete;

 private:
  napi_env env_ = nullptr;
  napi_handle_scope s_ = nullptr;
};
class EscapableHandleScope {
 public:
  EscapableHandleScope() {}
  template <class T>
  v8::Local<T> Escape(v8::Local<T> l) {
    return l;
  }
};

// ---- values
// -------------------------------------------------------------------------------------------------------
inline v8::Local<v8::Primitive> Null() {
  napi_value v = nullptr;
  napi_get_null(njs::env(), &v);
  return v8::Local<v8::Primitive>(v);
}
inline v8::Local<v8::Primitive> Undefined() { return v8::Local<v8::Primitive>(njs::undefined()); }
inline v8::Local<v8::Boolean> New(bool b) {
  napi_value v = nullptr;
  njs::ok(napi_get_boolean(njs::env(), b, &v));
  return v8::Local<v8::Boolean>(v);
}
inline v8::Local<v8::Boolean> True() { return New(true); }
inline v8::Local<v8::Int32> New(int32_t i) {
  napi_value v = nullptr;
  njs::ok(napi_create_int32(njs::env(), i, &v));
  return v8::Local<v8::Int32>(v);
}
inline v8::Local<v8::Number> New(double d) {
  napi_value v = nullptr;
  njs::ok(napi_create_double(njs::env(), d, &v));
  return v8::Local<v8::Number>(v);
}
inline MaybeLocal<v8::String> New(const char* s) {
  return MaybeLocal<v8::String>(njs::str(s, s ? strlen(s) : 0));
}
inline MaybeLocal<v8::String> New(const std::string& s) {
  return MaybeLocal<v8::String>(njs::str(s.data(), s.size()));
}
template <class T>
inline v8::Local<T> New(const Persistent<T>& p) {
  return p.Get();
}

template <class T>
struct Factory;  // Nan::New<T>(...)
template <>
struct Factory<v8::String> {
  static MaybeLocal<v8::String> New(const char* s) { return Nan::New(s); }
  static MaybeLocal<v8::String> New(const std::string& s) { return Nan::New(s); }
  static MaybeLocal<v8::String> New(const char* s, int n) { return MaybeLocal<v8::String>(njs::str(s, n)); }
};
template <>
struct Factory<v8::Number> {
  static v8::Local<v8::Number> New(double d) { return Nan::New(d); }
};
template <>
struct Factory<v8::Int32> {
  static v8::Local<v8::Int32> New(int32_t i) { return Nan::New(i); }
};
template <>
struct Factory<v8::Boolean> {
  static v8::Local<v8::Boolean> New(bool b) { return Nan::New(b); }
};
template <>
struct Factory<v8::Object> {
  static v8::Local<v8::Object> New() {
    napi_value v = nullptr;
    njs::ok(napi_create_object(njs::env(), &v));
    return v8::Local<v8::Object>(v);
  }
};
template <>
struct Factory<v8::Array> {
  static v8::Local<v8::Array> New() {
    napi_value v = nullptr;
    njs::ok(napi_create_array(njs::env(), &v));
    return v8::Local<v8::Array>(v);
  }
};
template <>
struct Factory<v8::Function> {
  static v8::Local<v8::Function> New(const Persistent<v8::Function>& p) { return p.Get(); }
};
template <class T, class... A>
inline auto New(A&&... a) {
  return Factory<T>::New(std::forward<A>(a)...);
}

inline MaybeLocal<v8::Value> Get(v8::Local<v8::Object> o, v8::Local<v8::Value> k) {
  napi_value v = nullptr;
  njs::ok(napi_get_property(njs::env(), o->v, k->v, &v));
  return MaybeLocal<v8::Value>(v);
}
inline MaybeLocal<v8::Value> Get(v8::Local<v8::Object> o, uint32_t i) {
  napi_value v = nullptr;
  njs::ok(napi_get_element(njs::env(), o->v, i, &v));
  return MaybeLocal<v8::Value>(v);
}
inline Maybe<bool> Has(v8::Local<v8::Object> o, v8::Local<v8::Value> k) {
  bool b = false;
  return njs::ok(napi_has_property(njs::env(), o->v, k->v, &b)) ? Maybe<bool>(b) : Maybe<bool>();
}
inline Maybe<bool> Set(v8::Local<v8::Object> o, v8::Local<v8::Value> k, v8::Local<v8::Value> v) {
  return njs::ok(napi_set_property(njs::env(), o->v, k->v, v->v)) ? Maybe<bool>(true) : Maybe<bool>();
}
inline Maybe<bool> Set(v8::Local<v8::Object> o, uint32_t i, v8::Local<v8::Value> v) {
  return njs::ok(napi_set_element(njs::env(), o->v, i, v->v)) ? Maybe<bool>(true) : Maybe<bool>();
}
inline MaybeLocal<v8::Array> GetOwnPropertyNames(v8::Local<v8::Object> o) {
  return o->GetOwnPropertyNames({});
}

// Nan::To<T>: JavaScript's conversions, Maybe<T> for numbers and bool, MaybeLocal<T> for V8 types.
template <class T, class = void>
struct Convert;
template <>
struct Convert<v8::String> {
  static MaybeLocal<v8::String> To(napi_value v) {
    napi_value r = nullptr;
    njs::ok(napi_coerce_to_string(njs::env(), v, &r));
    return MaybeLocal<v8::String>(r);
  }
};
template <>
struct Convert<v8::Object> {
  static MaybeLocal<v8::Object> To(napi_value v) {
    napi_value r = nullptr;
    njs::ok(napi_coerce_to_object(njs::env(), v, &r));
    return MaybeLocal<v8::Object>(r);
  }
};
template <>
struct Convert<bool> {
  static Maybe<bool> To(napi_value v) {
    napi_value b;
    bool r;
    return njs::ok(napi_coerce_to_bool(njs::env(), v, &b)) && njs::ok(napi_get_value_bool(njs::env(), b, &r))
               ? Maybe<bool>(r)
               : Maybe<bool>();
  }
};
template <class T>
struct Convert<T, std::enable_if_t<std::is_arithmetic_v<T>>> {
  static napi_status get(napi_value v, int32_t* r) { return napi_get_value_int32(njs::env(), v, r); }
  static napi_status get(napi_value v, uint32_t* r) { return napi_get_value_uint32(njs::env(), v, r); }
  static napi_status get(napi_value v, int64_t* r) { return napi_get_value_int64(njs::env(), v, r); }
  static napi_status get(napi_value v, double* r) { return napi_get_value_double(njs::env(), v, r); }
  static Maybe<T> To(napi_value v) {
    napi_value n;
    T r;
    return njs::ok(napi_coerce_to_number(njs::env(), v, &n)) && njs::ok(get(n, &r)) ? Maybe<T>(r)
                                                                                    : Maybe<T>();
  }
};
template <class T>
inline auto To(v8::Local<v8::Value> v) {
  return Convert<T>::To(v->v);
}

class Utf8String {  // converts what is not a string; empty, never null, when that throws
 public:
  explicit Utf8String(v8::Local<v8::Value> l) {
    napi_value v = l->v;
    size_t n = 0;
    napi_env e = njs::env();
    if (njs::type(v) != napi_string && !njs::ok(napi_coerce_to_string(e, v, &v))) return;
    if (!njs::ok(napi_get_value_string_utf8(e, v, nullptr, 0, &n))) return;
    s_.resize(n + 1);
    if (!njs::ok(napi_get_value_string_utf8(e, v, &s_[0], n + 1, &n))) n = 0;
    s_.resize(n);
  }
  char* operator*() { return &s_[0]; }
  int length() const { return static_cast<int>(s_.size()); }

 private:
  std::string s_;
};

inline v8::Local<v8::Value> Error(v8::Local<v8::String> m) {
  napi_value v = nullptr;
  njs::ok(napi_create_error(njs::env(), nullptr, m->v, &v));
  return v8::Local<v8::Value>(v);
}
inline v8::Local<v8::Value> Error(const char* m) { return v8::Local<v8::Value>(njs::error(m ? m : "")); }
inline void ThrowError(const char* m) { njs::raise(njs::error(m ? m : "")); }
inline void ThrowError(v8::Local<v8::Value> e) { njs::raise(e->v); }

// Buffers are copies: the runtime then owns (and counts) their memory; an external buffer's would wait for a
// finalizer.
enum Encoding { ASCII, UTF8, BASE64, UCS2, BINARY, HEX, BUFFER };
inline v8::Local<v8::Value> Encode(const void* p, size_t n, enum Encoding = BUFFER) {
  napi_value v = nullptr;
  njs::ok(napi_create_buffer_copy(njs::env(), n, p ? p : "", nullptr, &v));
  return v8::Local<v8::Value>(v);
}
inline MaybeLocal<v8::Object> NewBuffer(char* p, uint32_t n) {  // takes ownership of p, from malloc
  v8::Local<v8::Value> v = Encode(p, n);
  free(p);
  return v.As<v8::Object>();
}

// ---- functions and classes
// ----------------------------------------------------------------------------------------
template <class T>
class ReturnValue {
 public:
  napi_value* r;
  template <class S>
  void Set(v8::Local<S> l) const {
    *r = l->v;
  }
};
template <class T>
class FunctionCallbackInfo {
 public:
  FunctionCallbackInfo(napi_env e, napi_callback_info i) : env_(e), info_(i) {
    njs::ok(napi_get_cb_info(e, i, &n_, args_, &this_, &data_));
  }
  int Length() const { return static_cast<int>(n_); }
  v8::Local<v8::Value> operator[](int i) const {
    return v8::Local<v8::Value>(i >= 0 && i < kMax ? args_[i] : njs::undefined());
  }  // missing ones: undefined
  v8::Local<v8::Object> This() const { return v8::Local<v8::Object>(this_); }
  bool IsConstructCall() const {
    napi_value t = nullptr;
    napi_get_new_target(env_, info_, &t);
    return t != nullptr;
  }
  ReturnValue<T> GetReturnValue() const { return ReturnValue<T>{&ret_}; }
  void* data() const { return data_; }
  napi_value result() const { return ret_; }

 private:
  static const int kMax = 10;  // the package uses at most 7
  napi_env env_;
  napi_callback_info info_;
  size_t n_ = kMax;
  napi_value args_[kMax], this_ = nullptr;
  void* data_ = nullptr;
  mutable napi_value ret_ = nullptr;
};
typedef void (*FunctionCallback)(const FunctionCallbackInfo<v8::Value>&);
}  // namespace Nan

namespace njs {
inline napi_value trampoline(napi_env env, napi_callback_info i) {
  Frame f(env, true);
  Nan::FunctionCallbackInfo<v8::Value> info(env, i);
  guarded([&] { reinterpret_cast<Nan::FunctionCallback>(info.data())(info); });
  if (f.pending) napi_throw(env, f.pending);
  return info.result();
}
// What an extra source file adds: a method of one of the package's classes, or without a class a function of
// the module. A static object of this type is all it takes.
struct ExtraMethod {
  ExtraMethod(const char* c, const char* n, Nan::FunctionCallback f) : cls(c), name(n), fn(f) {
    all().push_back(this);
  }
  const char *cls, *name;
  Nan::FunctionCallback fn;
  static std::list<ExtraMethod*>& all() {
    static std::list<ExtraMethod*> l;
    return l;
  }
};
struct Template {  // one per class and environment, never freed
  Nan::FunctionCallback ctor;
  std::string name;
  std::vector<std::pair<std::string, Nan::FunctionCallback>> methods;
  v8::Persistent<v8::Function> made;
  v8::Local<v8::Function> function() {
    if (!made.IsEmpty()) return made.Get();
    napi_value f = nullptr;
    void* data = reinterpret_cast<void*>(ctor);
    for (ExtraMethod* x : ExtraMethod::all())
      if (x->cls && name == x->cls) methods.emplace_back(x->name, x->fn);
    std::vector<napi_property_descriptor> p;
    for (auto& m : methods)
      p.push_back({m.first.c_str(), nullptr, trampoline, nullptr, nullptr, nullptr,
                   static_cast<napi_property_attributes>(napi_writable | napi_enumerable | napi_configurable),
                   reinterpret_cast<void*>(m.second)});
    if (name.empty())
      ok(napi_create_function(env(), nullptr, 0, trampoline, data, &f));
    else
      ok(napi_define_class(env(), name.c_str(), name.size(), trampoline, data, p.size(), p.data(), &f));
    v8::Local<v8::Function> l(f);
    made.Reset(l);
    return l;
  }
};
}  // namespace njs

namespace v8 {
struct ObjectTemplate {
  ObjectTemplate* operator->() { return this; }
  void SetInternalFieldCount(int) {}
};  // napi_wrap needs none
class FunctionTemplate {
 public:
  njs::Template* v = nullptr;
  inline void SetClassName(Local<String> s) { v->name = *Nan::Utf8String(s); }
  ObjectTemplate InstanceTemplate() { return {}; }
  MaybeLocal<Function> GetFunction(Local<Context>) { return v->function(); }
};
template <>
class Local<FunctionTemplate> {
 public:
  explicit Local(njs::Template* t) { val_.v = t; }
  FunctionTemplate* operator->() const { return const_cast<FunctionTemplate*>(&val_); }

 private:
  FunctionTemplate val_;
};
}  // namespace v8

namespace Nan {
template <>
struct Factory<v8::FunctionTemplate> {
  static v8::Local<v8::FunctionTemplate> New(FunctionCallback f) {
    njs::Template* t = new njs::Template;
    t->ctor = f;
    return v8::Local<v8::FunctionTemplate>(t);
  }
};
inline void SetPrototypeMethod(v8::Local<v8::FunctionTemplate> t, const char* name, FunctionCallback f) {
  t->v->methods.emplace_back(name, f);
}
inline MaybeLocal<v8::Function> GetFunction(v8::Local<v8::FunctionTemplate> t) { return t->v->function(); }
inline MaybeLocal<v8::Object> NewInstance(v8::Local<v8::Function> f, int n, v8::Local<v8::Value> a[]) {
  std::vector<napi_value> v;
  for (int i = 0; i < n; i++) v.push_back(a[i]->v);
  napi_value r = nullptr;
  njs::ok(napi_new_instance(njs::env(), f->v, n, v.data(), &r));
  return MaybeLocal<v8::Object>(r);
}

// A C++ object owned by its JavaScript object: deleted when that is collected, left alone when the
// environment goes away (the destructors would close clients, which blocks; Node's ObjectWrap does not run
// them either).
class ObjectWrap {
 public:
  virtual ~ObjectWrap() {}
  template <class T>
  static T* Unwrap(v8::Local<v8::Object> o) {
    void* p = nullptr;
    if (!o.IsEmpty() && napi_unwrap(njs::env(), o->v, &p) != napi_ok) p = nullptr;
    T* t = dynamic_cast<T*>(static_cast<ObjectWrap*>(p));
    if (!t) throw njs::Failed("Illegal invocation");
    njs::frame->used.push_back(o->v);
    return t;
  }

 protected:
  void Wrap(v8::Local<v8::Object> o) {
    napi_status s = napi_wrap(
        njs::env(), o->v, this,
        [](napi_env env, void* p, void*) {
          njs::Frame f(env, false);
          if (f.loop && !f.loop->dead) delete static_cast<ObjectWrap*>(p);
        },
        nullptr, nullptr);
    if (s != napi_ok) throw njs::Failed("Illegal invocation");
    for (napi_value u :
         njs::frame->used) {  // an AdminClient made from another client uses that one's connection
      napi_property_descriptor p = {"_from", nullptr, nullptr, nullptr, nullptr, u, napi_default, nullptr};
      njs::ok(napi_define_properties(njs::env(), o->v, 1, &p));
    }
  }
};

// ---- callbacks and workers
// ----------------------------------------------------------------------------------------
class Callback {
 public:
  Callback() {}
  explicit Callback(v8::Local<v8::Function> f) : f_(f) {}
  ~Callback() { f_.Reset(); }
  void operator()(v8::Local<v8::Function> f) { f_.Reset(f); }
  bool IsEmpty() const { return f_.IsEmpty(); }
  v8::Local<v8::Function> GetFunction() const { return f_.Get(); }
  v8::Local<v8::Value> Call(int n, v8::Local<v8::Value> a[]) const {  // an exception: see njs::raise
    napi_value recv = nullptr, r = nullptr, argv[8];
    napi_env e = njs::env();
    if (n > 8) throw njs::Failed("too many arguments");
    for (int i = 0; i < n; i++) argv[i] = a[i].IsEmpty() ? njs::undefined() : a[i]->v;
    v8::Local<v8::Function> f = f_.Get();
    if (f.IsEmpty() || !njs::ok(napi_get_global(e, &recv)) ||
        !njs::ok(napi_call_function(e, recv, f->v, n, argv, &r)))
      r = njs::undefined();
    return v8::Local<v8::Value>(r);
  }

 private:
  Persistent<v8::Function> f_;
};

class AsyncWorker {
 public:
  explicit AsyncWorker(Callback* c, const char* = nullptr) : callback(c) {}
  virtual ~AsyncWorker() { delete callback; }
  virtual void WorkComplete() {
    HandleScope s;
    if (failed_)
      HandleErrorCallback();
    else
      HandleOKCallback();
    delete callback;
    callback = nullptr;
  }
  virtual void Execute() = 0;
  virtual void Destroy() { delete this; }
  void SetErrorMessage(const char* m) {
    error_ = m;
    failed_ = true;
  }
  uv_loop_t* loop_ = nullptr;  // for AsyncQueueWorker
  njs::Held held_;

 protected:
  Callback* callback;
  virtual void HandleOKCallback() { callback->Call(0, nullptr); }
  virtual void HandleErrorCallback() {
    v8::Local<v8::Value> e = Error(ErrorMessage());
    callback->Call(1, &e);
  }
  const char* ErrorMessage() const { return error_.c_str(); }

 private:
  std::string error_;
  bool failed_ = false;
};
}  // namespace Nan

namespace njs {
// Worker threads, for the process. Not the runtime's pool: consume() blocks for as long as its timeout and
// would hold up file access and DNS. A thread is started whenever none is idle, or about to be, up to kMax; idle
// ones end after 10 s.
class Pool {
 public:
  static Pool& get() {
    static Pool* p = new Pool;
    return *p;
  }  // never destroyed: threads may outlive exit handlers
  void queue(Nan::AsyncWorker* w) {
    pthread_mutex_lock(&m_);
    q_.push_back(w);
    if (q_.size() > idle_ + coming_ && threads_ < kMax) {
      pthread_t t;
      threads_++;
      coming_++;
      if (spawn(
              &t, [](void* p) { static_cast<Pool*>(p)->run(); }, this) == 0)
        pthread_detach(t);
      else {
        threads_--;  // then it waits for another thread
        coming_--;
      }
    }
    pthread_mutex_unlock(&m_);
    // Only now: who is woken would else have to wait for the mutex, and be woken once more.
    pthread_cond_signal(&c_);
  }

 private:
  static const size_t kMax = 64;
  void run() {
    pthread_mutex_lock(&m_);
    for (;;) {
      coming_--;
      if (q_.empty()) {
        timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 10;
        idle_++;
        int r = 0;
        while (q_.empty() && r == 0) r = pthread_cond_timedwait(&c_, &m_, &t);
        idle_--;
        if (q_.empty()) break;
      }
      Nan::AsyncWorker* w = q_.front();
      q_.pop_front();
      pthread_mutex_unlock(&m_);
      try {
        w->Execute();
      } catch (const std::exception& e) { w->SetErrorMessage(e.what()); }
      // First: whoever hears of it may have the next call at once, and needs no other thread for that.
      pthread_mutex_lock(&m_);
      coming_++;
      pthread_mutex_unlock(&m_);
      w->loop_->post({complete, w});
      pthread_mutex_lock(&m_);
    }
    threads_--;
    pthread_mutex_unlock(&m_);
  }
  static void complete(void* p) {  // JavaScript thread
    Nan::AsyncWorker* w = static_cast<Nan::AsyncWorker*>(p);
    uv_loop_t* l = w->loop_;
    Held held;
    std::swap(held, w->held_);
    guarded([&] { w->WorkComplete(); });
    w->Destroy();
    held.drop();
    l->release();
  }
  pthread_mutex_t m_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t c_ = PTHREAD_COND_INITIALIZER;
  std::deque<Nan::AsyncWorker*> q_;
  // coming: started, or done with its call, and not at the queue yet.
  size_t idle_ = 0, coming_ = 0, threads_ = 0;
};
}  // namespace njs

namespace Nan {
inline void AsyncQueueWorker(AsyncWorker* w) {
  w->held_.take();
  w->loop_ = njs::frame->loop;
  w->loop_->retain();
  njs::Pool::get().queue(w);
}
}  // namespace Nan

namespace njs {
inline napi_value registration(napi_env env, napi_value exports,
                               void (*init)(v8::Local<v8::Object>, v8::Local<v8::Value>, void*)) {
  if (!uv_loop_s::create(env)) {
    napi_throw_error(env, nullptr, "kafka: cannot create a threadsafe function");
    return nullptr;
  }
  Frame f(env, true);
  guarded([&] {
    init(v8::Local<v8::Object>(exports), v8::Local<v8::Value>(), nullptr);
    for (ExtraMethod* x : ExtraMethod::all()) {
      if (x->cls) continue;
      napi_value fn = nullptr;
      ok(napi_create_function(env, x->name, NAPI_AUTO_LENGTH, trampoline, reinterpret_cast<void*>(x->fn),
                              &fn));
      ok(napi_set_named_property(env, exports, x->name, fn));
    }
  });
  if (f.pending) napi_throw(env, f.pending);
  return exports;
}
}  // namespace njs
#define NODE_MODULE(name, init) \
  NAPI_MODULE_INIT() { return njs::registration(env, exports, init); }
#endif
