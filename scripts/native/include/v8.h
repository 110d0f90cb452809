// v8.h: the part of V8's C++ API that @confluentinc/kafka-javascript uses, on Node-API. See README.md.
// A Local<T> holds a T, a T holds one napi_value; T's methods call Node-API on the environment of the current
// entry.
#ifndef NJS_V8_H_
#define NJS_V8_H_
#ifndef NAPI_VERSION
#define NAPI_VERSION 8
#endif
#include <node_api.h>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

struct uv_loop_s;  // uv.h

namespace njs {  // our own core; everything else in these headers only dresses it up

// C++ exception for "V8 would have aborted here" (ToLocalChecked on nothing, unwrap of a stranger): becomes a
// JavaScript error.
struct Failed : std::exception {
  const char* what_;
  explicit Failed(const char* w) : what_(w) {}
  const char* what() const noexcept override { return what_; }
};

// One entry into C++ on a JavaScript thread: a method called from JavaScript, or a callback from the event
// loop.
struct Frame {
  napi_env env;
  uv_loop_s* loop;
  Frame* up;
  bool method;
  napi_value pending = nullptr;  // method: the first exception raised, thrown when the method returns
  std::vector<napi_value> used;  // method: wrapped objects it unwrapped, see Held
  inline Frame(napi_env, bool method);
  inline ~Frame();
};
inline thread_local Frame* frame = nullptr;  // null on threads that are not inside an entry
inline napi_env env() {
  return frame ? frame->env : nullptr;
}  // Node-API refuses a null environment: an error, not a crash

// As in V8, code goes on after ThrowError; Node-API refuses most calls while an exception is pending, so it
// is kept aside. From the event loop there is no caller to throw to: uncaughtException, as node::MakeCallback
// does it.
inline void raise(napi_value e) {
  if (!frame) return;
  if (!frame->method)
    napi_fatal_exception(frame->env, e);
  else if (!frame->pending)
    frame->pending = e;
}
inline bool ok(napi_status s) {
  if (s == napi_ok) return true;
  bool p = false;
  napi_value e;
  if (frame && napi_is_exception_pending(frame->env, &p) == napi_ok && p &&
      napi_get_and_clear_last_exception(frame->env, &e) == napi_ok)
    raise(e);
  return false;
}
// Strong references to the wrapped objects that the current method unwrapped. The package's workers,
// dispatchers and loops hold plain pointers to clients: their JavaScript objects must not be collected
// before.
struct Held {
  napi_env env = nullptr;
  std::vector<napi_ref> refs;
  void take() {
    if (frame)
      for (napi_value o : frame->used) {
        napi_ref r;
        if (napi_create_reference(env = frame->env, o, 1, &r) == napi_ok) refs.push_back(r);
      }
  }
  void drop() {
    for (napi_ref r : refs) napi_delete_reference(env, r);
    refs.clear();
  }  // JavaScript thread
};
inline napi_value str(const char* s, size_t n) {
  napi_value v = nullptr;
  ok(napi_create_string_utf8(env(), s ? s : "", s ? n : 0, &v));
  return v;
}
inline napi_value error(const char* m) {
  napi_value v = nullptr;
  ok(napi_create_error(env(), nullptr, str(m, strlen(m)), &v));
  return v;
}
inline napi_value undefined() {
  napi_value v = nullptr;
  napi_get_undefined(env(), &v);
  return v;
}
inline napi_valuetype type(napi_value v) {
  napi_valuetype t = napi_undefined;
  if (v) napi_typeof(env(), v, &t);
  return t;
}
// Runs f; what escapes from it becomes a JavaScript exception.
template <class F>
inline void guarded(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    if (!frame->pending) raise(error(e.what()));
  }
}
}  // namespace njs

namespace v8 {
struct Isolate {
  static Isolate* GetCurrent() { return nullptr; }
};
struct Context {
  napi_value v = nullptr;
};  // there is only the current one
class Object;
class String;
class Array;

template <class T>
class Local {
 public:
  Local() {}
  explicit Local(napi_value v) { val_.v = v; }
  template <class S, class = std::enable_if_t<std::is_base_of_v<T, S>>>
  Local(Local<S> o) {
    val_.v = o->v;
  }
  bool IsEmpty() const { return !val_.v; }
  T* operator->() const { return const_cast<T*>(&val_); }
  template <class S>
  Local<S> As() const {
    return Local<S>(val_.v);
  }  // unchecked, as V8's release builds
  template <class S>
  static Local<T> Cast(Local<S> o) {
    return Local<T>(o->v);
  }
  template <class S>
  bool operator==(const Local<S>& o) const {  // identity, not handle equality
    if (!val_.v || !o->v) return val_.v == o->v;
    bool r = false;
    njs::ok(napi_strict_equals(njs::env(), val_.v, o->v, &r));
    return r;
  }

 private:
  T val_;
};

template <class T>
class MaybeLocal {
 public:
  MaybeLocal() {}
  template <class S>
  MaybeLocal(Local<S> l) : l_(l) {}
  explicit MaybeLocal(napi_value v) : l_(v) {}
  bool IsEmpty() const { return l_.IsEmpty(); }
  Local<T> ToLocalChecked() const {
    if (IsEmpty()) throw njs::Failed("invalid argument (a JavaScript value could not be converted)");
    return l_;
  }
  template <class S>
  bool ToLocal(Local<S>* out) const {
    *out = l_;
    return !IsEmpty();
  }

 private:
  Local<T> l_;
};

template <class T>
class Maybe {
 public:
  Maybe() : has_(false), t_() {}
  explicit Maybe(T t) : has_(true), t_(t) {}
  bool IsNothing() const { return !has_; }
  T FromJust() const {
    if (!has_) throw njs::Failed("invalid argument (a JavaScript value could not be converted)");
    return t_;
  }
  T ToChecked() const { return FromJust(); }
  T FromMaybe(const T& d) const { return has_ ? t_ : d; }

 private:
  bool has_;
  T t_;
};

class Value {
 public:
  napi_value v = nullptr;
  bool IsUndefined() const { return is(napi_undefined); }
  bool IsNull() const { return is(napi_null); }
  bool IsNullOrUndefined() const { return IsNull() || IsUndefined(); }
  bool IsBoolean() const { return is(napi_boolean); }
  bool IsNumber() const { return is(napi_number); }
  bool IsString() const { return is(napi_string); }
  bool IsFunction() const { return is(napi_function); }
  bool IsObject() const {
    napi_valuetype t = njs::type(v);
    return t == napi_object || t == napi_function || t == napi_external;
  }
  bool IsArray() const {
    bool r = false;
    if (v) njs::ok(napi_is_array(njs::env(), v, &r));
    return r;
  }
  bool IsInt32() const {
    double d;
    return number(&d) && d >= INT32_MIN && d <= INT32_MAX && d == static_cast<int32_t>(d);
  }
  bool IsUint32() const {
    double d;
    return number(&d) && d >= 0 && d <= UINT32_MAX && d == static_cast<uint32_t>(d);
  }
  inline bool IsRegExp() const;
  inline MaybeLocal<Object> ToObject(Local<Context>) const;
  Maybe<int32_t> Int32Value(Local<Context>) const {
    int32_t r;
    return njs::ok(napi_get_value_int32(njs::env(), v, &r)) ? Maybe<int32_t>(r) : Maybe<int32_t>();
  }
  Maybe<uint32_t> Uint32Value(Local<Context>) const {
    uint32_t r;
    return njs::ok(napi_get_value_uint32(njs::env(), v, &r)) ? Maybe<uint32_t>(r) : Maybe<uint32_t>();
  }

 private:
  bool is(napi_valuetype t) const { return v && njs::type(v) == t; }
  bool number(double* d) const { return IsNumber() && njs::ok(napi_get_value_double(njs::env(), v, d)); }
};
class Primitive : public Value {};
class Boolean : public Primitive {};
class String : public Primitive {};
class Number : public Primitive {};
class Integer : public Number {};
class Int32 : public Integer {};
class BigInt : public Primitive {
 public:
  static Local<BigInt> New(Isolate*, int64_t i) {
    napi_value r = nullptr;
    njs::ok(napi_create_bigint_int64(njs::env(), i, &r));
    return Local<BigInt>(r);
  }
};
class Object : public Value {
 public:
  inline MaybeLocal<Array> GetOwnPropertyNames(Local<Context>) const;
};
class Function : public Object {};
class Array : public Object {
 public:
  uint32_t Length() const {
    uint32_t n = 0;
    njs::ok(napi_get_array_length(njs::env(), v, &n));
    return n;
  }  // not an array: 0
};
class RegExp : public Object {
 public:
  Local<String> GetSource() const {
    napi_value r = nullptr;
    njs::ok(napi_get_named_property(njs::env(), v, "source", &r));
    return Local<String>(r);
  }
};
inline MaybeLocal<Array> Object::GetOwnPropertyNames(Local<Context>) const {
  napi_value r = nullptr;
  njs::ok(napi_get_all_property_names(
      njs::env(), v, napi_key_own_only,
      static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols), napi_key_keep_numbers, &r));
  return MaybeLocal<Array>(r);
}
inline MaybeLocal<Object> Value::ToObject(Local<Context>) const {
  napi_value r = nullptr;
  njs::ok(napi_coerce_to_object(njs::env(), v, &r));
  return MaybeLocal<Object>(r);
}
inline bool Value::IsRegExp()
    const {  // Object.prototype.toString.call(v): right across realms, unlike instanceof
  if (!IsObject()) return false;
  napi_env e = njs::env();
  napi_value g, o, p, f, r;
  char s[16] = "";
  return njs::ok(napi_get_global(e, &g)) && njs::ok(napi_get_named_property(e, g, "Object", &o)) &&
         njs::ok(napi_get_named_property(e, o, "prototype", &p)) &&
         njs::ok(napi_get_named_property(e, p, "toString", &f)) &&
         njs::ok(napi_call_function(e, v, f, 0, nullptr, &r)) &&
         njs::ok(napi_get_value_string_utf8(e, r, s, sizeof s, nullptr)) && !strcmp(s, "[object RegExp]");
}

// A strong reference. References to primitives need Node-API 10, so they are kept in a one-element array.
// As Nan's and V8's, the destructor does not release it (static ones outlive the environment): Reset does.
template <class T>
class Persistent {
 public:
  Persistent() {}
  explicit Persistent(Local<T> l) { Reset(l); }
  Persistent(const Persistent&) = delete;
  Persistent& operator=(const Persistent&) = delete;
  bool IsEmpty() const { return kind_ == kEmpty; }
  void Reset() {
    if (ref_ && env_ == njs::env())
      napi_delete_reference(env_, ref_);  // other environment (addon loaded twice): left to it
    ref_ = nullptr;
    kind_ = kEmpty;
  }
  void Reset(Local<T> l) {
    Reset();
    if (l.IsEmpty()) return;
    env_ = njs::env();
    napi_value v = l->v;
    napi_valuetype t = njs::type(v);
    if (t == napi_undefined || t == napi_null) {
      kind_ = t == napi_null ? kNull : kUndefined;
      return;
    }
    kind_ = t == napi_object || t == napi_function || t == napi_external ? kDirect : kBoxed;
    if (kind_ == kBoxed) {
      napi_value box = nullptr;
      njs::ok(napi_create_array(env_, &box));
      njs::ok(napi_set_element(env_, box, 0, v));
      v = box;
    }
    if (!njs::ok(napi_create_reference(env_, v, 1, &ref_))) {
      ref_ = nullptr;
      kind_ = kEmpty;
    }
  }
  Local<T> Get() const {
    napi_value r = nullptr;
    napi_env e = njs::env();
    if (kind_ == kNull)
      napi_get_null(e, &r);
    else if (kind_ == kUndefined)
      napi_get_undefined(e, &r);
    else if (ref_ && e == env_ && njs::ok(napi_get_reference_value(e, ref_, &r)) && kind_ == kBoxed)
      njs::ok(napi_get_element(e, r, 0, &r));
    return Local<T>(r);
  }

 private:
  enum { kEmpty, kUndefined, kNull, kDirect, kBoxed } kind_ = kEmpty;
  napi_env env_ = nullptr;
  napi_ref ref_ = nullptr;
};
}  // namespace v8
#endif
