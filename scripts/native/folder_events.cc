// Events of the file system: one inotify(7) descriptor for a whole watch, and no object for a folder. fs.watch and what
// is built on it cost about 11 KiB a folder, and give names as text, which is wrong for names that are no UTF-8.
//
//   openFolderWatch(onEvents)             begins; gives { fd, watch }, or a number: -errno. Folders are watched by lookOn (look_at_folders.cc)
//   unwatchFolder(fd, descriptor)         forgets a folder
//   closeFolderWatch(watch)               ends; onEvents is not called any more
//
// onEvents(buffer): records, each a multiple of 4 bytes: i32 watch descriptor, u32 mask, u32 length of the name, then the name.
// Events of one name that come while nobody takes them are one, so a file that is written all the time costs one record
// every 50 ms. Hidden names are passed over.
#include "folder_events.h"
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>
#include "nan.h"

namespace folder_events {

int watch(int inotify, int fd, const std::string& root, const std::string& path) {
  const uint32_t mask = IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                        IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
  int wd = inotify_add_watch(inotify, ("/proc/self/fd/" + std::to_string(fd)).c_str(), mask);
  if (wd < 0 && (errno == ENOENT || errno == EACCES)) {
    std::string whole = path.empty() ? root : root + "/" + path;
    wd = inotify_add_watch(inotify, whole.c_str(), path.empty() ? mask : mask | IN_DONT_FOLLOW);
  }
  return wd < 0 ? -errno : wd;
}

}  // namespace folder_events

namespace {

const size_t kMostWaiting = 16384;  // names; as the kernel's own queue
const int kPauseMs = 50;

struct Event {
  int32_t wd;
  uint32_t mask;
  std::string name;
};

struct Reader {
  int inotify = -1, stop = -1;
  pthread_t thread{};
  uv_async_t async{};
  Nan::Callback on_events;
  std::mutex mutex;
  std::vector<Event> waiting;                    // under mutex, in the order in which they came first
  std::unordered_map<std::string, size_t> known;  // under mutex: where an event of this folder and name waits
  bool closed = false;

  void take(const inotify_event* e) {
    if (e->len > 0 && e->name[0] == '.') return;
    std::lock_guard<std::mutex> guard(mutex);
    std::string key(reinterpret_cast<const char*>(&e->wd), sizeof e->wd);
    if (e->len > 0) key += e->name;
    auto found = known.find(key);
    if (found != known.end()) {
      waiting[found->second].mask |= e->mask;
    } else if (waiting.size() >= kMostWaiting) {
      waiting.back() = {-1, IN_Q_OVERFLOW, ""};
    } else {
      known.emplace(std::move(key), waiting.size());
      waiting.push_back({e->wd, e->mask, e->len > 0 ? e->name : ""});
    }
  }

  void run() {
    alignas(inotify_event) char buffer[65536];
    pollfd both[] = {{inotify, POLLIN, 0}, {stop, POLLIN, 0}};
    for (;;) {
      if (poll(both, 2, -1) < 0 && errno != EINTR) return;
      if (both[1].revents) return;
      ssize_t got = read(inotify, buffer, sizeof buffer);
      if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        return;
      }
      for (char* at = buffer; at < buffer + got;) {
        auto* e = reinterpret_cast<inotify_event*>(at);
        take(e);
        at += sizeof *e + e->len;
      }
      uv_async_send(&async);
      // What happens to the same files at once becomes one event.
      pollfd stopped{stop, POLLIN, 0};
      if (poll(&stopped, 1, kPauseMs) > 0) return;
    }
  }

  // JavaScript thread.
  void hand_over() {
    std::vector<Event> events;
    {
      std::lock_guard<std::mutex> guard(mutex);
      events.swap(waiting);
      known.clear();
    }
    if (events.empty() || closed) return;
    size_t size = 0;
    for (const Event& e : events) size += 12 + ((e.name.size() + 3) & ~size_t(3));
    void* data = nullptr;
    napi_value buffer = nullptr;
    if (napi_create_buffer(njs::env(), size, &data, &buffer) != napi_ok) return;
    char* at = static_cast<char*>(data);
    for (const Event& e : events) {
      uint32_t length = e.name.size();
      memcpy(at, &e.wd, 4);
      memcpy(at + 4, &e.mask, 4);
      memcpy(at + 8, &length, 4);
      memcpy(at + 12, e.name.data(), length);
      at += 12 + ((length + 3) & ~3u);
    }
    v8::Local<v8::Value> argument(buffer);
    on_events.Call(1, &argument);
  }
};

NAN_METHOD(NodeOpenFolderWatch) {
  if (info.Length() < 1 || !info[0]->IsFunction()) return Nan::ThrowError("openFolderWatch(onEvents)");
  int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  int stop = inotify < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
  if (stop < 0) {
    info.GetReturnValue().Set(Nan::New(-errno));
    if (inotify >= 0) close(inotify);
    return;
  }
  auto* reader = new Reader;
  reader->inotify = inotify;
  reader->stop = stop;
  reader->on_events(info[0].As<v8::Function>());
  uv_async_init(uv_default_loop(), &reader->async, [](uv_async_t* a) { static_cast<Reader*>(a->data)->hand_over(); });
  reader->async.data = reader;
  int failed = njs::spawn(&reader->thread, [](void* p) { static_cast<Reader*>(p)->run(); }, reader);
  napi_value external = nullptr, fd = nullptr, made = nullptr;
  napi_env env = njs::env();
  // It is freed by closeFolderWatch only: its thread uses it.
  if (failed || napi_create_external(env, reader, nullptr, nullptr, &external) != napi_ok)
    return Nan::ThrowError("openFolderWatch: no thread");
  napi_create_int32(env, inotify, &fd);
  napi_create_object(env, &made);
  napi_set_named_property(env, made, "fd", fd);
  napi_set_named_property(env, made, "watch", external);
  info.GetReturnValue().Set(v8::Local<v8::Value>(made));
}

NAN_METHOD(NodeUnwatchFolder) {
  if (info.Length() < 2 || !info[0]->IsInt32() || !info[1]->IsInt32())
    return Nan::ThrowError("unwatchFolder(fd, descriptor)");
  inotify_rm_watch(Nan::To<int32_t>(info[0]).FromJust(), Nan::To<int32_t>(info[1]).FromJust());
}

NAN_METHOD(NodeCloseFolderWatch) {
  void* p = nullptr;
  if (info.Length() < 1 || napi_get_value_external(njs::env(), info[0]->v, &p) != napi_ok)
    return Nan::ThrowError("closeFolderWatch(watch)");
  auto* reader = static_cast<Reader*>(p);
  if (reader->closed) return;
  reader->closed = true;
  uint64_t one = 1;
  if (write(reader->stop, &one, sizeof one) == sizeof one) pthread_join(reader->thread, nullptr);
  close(reader->inotify);
  close(reader->stop);
  // The object itself stays, a few hundred bytes: JavaScript may still hold it.
  uv_close(&reader->async, [](uv_handle_t* h) { static_cast<Reader*>(h->data)->on_events(v8::Local<v8::Function>()); });
}

njs::ExtraMethod open_watch(nullptr, "openFolderWatch", NodeOpenFolderWatch);
njs::ExtraMethod unwatch(nullptr, "unwatchFolder", NodeUnwatchFolder);
njs::ExtraMethod close_watch(nullptr, "closeFolderWatch", NodeCloseFolderWatch);

}  // namespace
