// uv.h: the locks, threads and async handles that @confluentinc/kafka-javascript uses, on pthreads and one
// napi_threadsafe_function per environment. No libuv.
#ifndef NJS_UV_H_
#define NJS_UV_H_
#include <pthread.h>
#include <signal.h>
#include <algorithm>
#include <deque>
#include <mutex>
#include "v8.h"

typedef pthread_mutex_t uv_mutex_t;
typedef pthread_rwlock_t uv_rwlock_t;
typedef pthread_t uv_thread_t;
inline int uv_mutex_init(uv_mutex_t* m) { return -pthread_mutex_init(m, nullptr); }
inline void uv_mutex_destroy(uv_mutex_t* m) { pthread_mutex_destroy(m); }
inline void uv_mutex_lock(uv_mutex_t* m) { pthread_mutex_lock(m); }
inline void uv_mutex_unlock(uv_mutex_t* m) { pthread_mutex_unlock(m); }
inline int uv_rwlock_init(uv_rwlock_t* l) { return -pthread_rwlock_init(l, nullptr); }
inline void uv_rwlock_destroy(uv_rwlock_t* l) { pthread_rwlock_destroy(l); }
inline void uv_rwlock_rdlock(uv_rwlock_t* l) { pthread_rwlock_rdlock(l); }
inline void uv_rwlock_rdunlock(uv_rwlock_t* l) { pthread_rwlock_unlock(l); }
inline void uv_rwlock_wrlock(uv_rwlock_t* l) { pthread_rwlock_wrlock(l); }
inline void uv_rwlock_wrunlock(uv_rwlock_t* l) { pthread_rwlock_unlock(l); }

namespace njs {
// A thread with every signal blocked: signals belong to the runtime's own threads.
inline int spawn(pthread_t* t, void (*f)(void*), void* arg) {
  struct Start {
    void (*f)(void*);
    void* arg;
  };
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  Start* s = new Start{f, arg};
  int r = pthread_create(
      t, nullptr,
      [](void* p) -> void* {
        Start s = *static_cast<Start*>(p);
        delete static_cast<Start*>(p);
        s.f(s.arg);
        return nullptr;
      },
      s);
  if (r) delete s;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return r;
}
}  // namespace njs
inline int uv_thread_create(uv_thread_t* t, void (*f)(void*), void* arg) { return -njs::spawn(t, f, arg); }
inline int uv_thread_join(uv_thread_t* t) { return -pthread_join(*t, nullptr); }

// What other threads want run on the JavaScript thread. One queue per environment, one wake-up per batch.
// Never freed: librdkafka's threads may still hold it after the environment is gone.
typedef struct uv_loop_s {
  struct Item {
    void (*run)(void*);
    void* arg;
  };
  std::mutex mutex;
  std::deque<Item> ready;
  bool signalled = false, dead = false;  // both under mutex
  napi_threadsafe_function wake = nullptr;
  napi_env env = nullptr;
  int refs = 0;  // JavaScript thread only: open handles + workers in flight keep the process alive

  void post_locked(Item i) {
    if (dead) return;
    ready.push_back(i);
    if (!signalled) {
      signalled = true;
      if (napi_call_threadsafe_function(wake, nullptr, napi_tsfn_nonblocking) == napi_closing) dead = true;
    }
  }
  void post(Item i) {
    std::lock_guard<std::mutex> g(mutex);
    post_locked(i);
  }
  void retain() {
    if (refs++ == 0 && !dead) napi_ref_threadsafe_function(env, wake);
  }
  void release() {
    if (--refs == 0 && !dead) napi_unref_threadsafe_function(env, wake);
  }

  static void drain(napi_env env, napi_value, void* ctx, void*) {
    uv_loop_s* l = static_cast<uv_loop_s*>(ctx);
    if (!env || l->dead) return;
    size_t n;
    {
      std::lock_guard<std::mutex> g(l->mutex);
      l->signalled = false;
      n = l->ready.size();
    }  // later ones: next turn of the event loop
    for (; n > 0; n--) {
      Item i;
      {
        std::lock_guard<std::mutex> g(l->mutex);
        if (l->ready.empty()) return;
        i = l->ready.front();
        l->ready.pop_front();
      }
      njs::Frame f(env, false);
      napi_handle_scope s = nullptr;
      napi_open_handle_scope(env, &s);
      njs::guarded([&] { i.run(i.arg); });
      if (s) napi_close_handle_scope(env, s);
    }
  }
  static uv_loop_s* of(napi_env env) {
    void* p = nullptr;
    napi_get_instance_data(env, &p);
    return static_cast<uv_loop_s*>(p);
  }
  static uv_loop_s* create(napi_env env) {  // module registration
    uv_loop_s* l = new uv_loop_s;
    l->env = env;
    napi_value name = nullptr;
    napi_create_string_utf8(env, "kafka", 5, &name);
    if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, l, drain,
                                        &l->wake) != napi_ok ||
        napi_set_instance_data(env, l, nullptr, nullptr) != napi_ok) {
      delete l;
      return nullptr;
    }
    napi_unref_threadsafe_function(env, l->wake);
    napi_add_env_cleanup_hook(
        env,
        [](void* p) {
          uv_loop_s* l = static_cast<uv_loop_s*>(p);
          std::lock_guard<std::mutex> g(l->mutex);
          l->dead = true;
          l->ready.clear();
        },
        l);
    return l;
  }
} uv_loop_t;
inline uv_loop_t* uv_default_loop() {
  return njs::frame ? njs::frame->loop : nullptr;
}  // of the current environment

namespace njs {
inline Frame::Frame(napi_env e, bool m) : env(e), loop(uv_loop_s::of(e)), up(frame), method(m) {
  frame = this;
}
inline Frame::~Frame() { frame = up; }
}  // namespace njs

typedef struct uv_handle_s {
  void* data;
  uv_loop_t* loop;
  void (*cb)(uv_handle_s*);
  void (*close_cb)(uv_handle_s*);
  bool pending, closing;  // under loop->mutex
  njs::Held held;         // a client with active dispatchers stays, disconnect() lets it go
} uv_handle_t, uv_async_t;

inline int uv_async_init(uv_loop_t* l, uv_async_t* a, void (*cb)(uv_async_t*)) {
  a->loop = l;
  a->cb = cb;
  a->close_cb = nullptr;
  a->pending = a->closing = false;
  a->held.take();
  l->retain();
  return 0;
}
inline int uv_async_send(uv_async_t* a) {  // any thread; sends before the callback runs are one
  std::lock_guard<std::mutex> g(a->loop->mutex);
  if (a->pending || a->closing) return 0;
  a->pending = true;
  a->loop->post_locked({[](void* p) {
                          uv_async_t* a = static_cast<uv_async_t*>(p);
                          {
                            std::lock_guard<std::mutex> g(a->loop->mutex);
                            a->pending = false;
                          }
                          a->cb(a);
                        },
                        a});
  return 0;
}
inline void uv_close(uv_handle_t* h, void (*cb)(uv_handle_t*)) {  // no callback after this but cb
  std::lock_guard<std::mutex> g(h->loop->mutex);
  h->closing = true;
  h->close_cb = cb;
  std::deque<uv_loop_s::Item>& q = h->loop->ready;
  q.erase(std::remove_if(q.begin(), q.end(), [h](uv_loop_s::Item& i) { return i.arg == h; }), q.end());
  h->loop->post_locked({[](void* p) {
                          uv_handle_t* h = static_cast<uv_handle_t*>(p);
                          uv_loop_t* l = h->loop;
                          h->held.drop();
                          h->close_cb(h);
                          l->release();
                        },
                        h});
}
#endif
