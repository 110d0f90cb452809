// syncFileSystem(fd, cb): syncfs(2), on a worker thread. Node's API has no such call, and thousands of files
// are made durable with one instead of an fsync each.
// startWriting(fd, cb): sync_file_range(2): waits for what of the file is on its way to the disk, and sends the rest there. Nothing is
// durable by that, but a sync later has less to do. An error it reports is reported to nobody else.
// handOver(fd, cb): what closing the file does, which stays open: some file systems (FUSE, NFS) send what was written only then, and
// tell nobody else when it is not taken.
//   cb(err): err has what Node's system errors have: code ("EIO"), errno (-5), syscall ("syncfs")
//
// The descriptor is duplicated at once: the caller may close its own while the worker waits for its turn, and
// the number could by then belong to a file on another disk. The duplicate shares the open file, so an error
// of writing back is still reported to this caller (Linux reports it once for each open file). Not so for startWriting: closing the duplicate
// would hand everything over each time. Its caller keeps the file open until it is called back.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "nan.h"
#include "system_error.h"

namespace {

struct Call {
  const char* name;
  bool duplicates;
  int (*make)(int fd);
};

const Call kSyncFileSystem = {"syncfs", true, syncfs};
const Call kHandOver = {"close", true, [](int) { return 0; }};
const Call kStartWriting = {"sync_file_range", false, [](int fd) {
                              return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
                            }};

class Sync : public Nan::AsyncWorker {
 public:
  Sync(Nan::Callback* callback, const Call& call, int fd, int open_error)
      : AsyncWorker(callback), call_(call), fd_(fd), error_(open_error) {}
  ~Sync() { close_once(); }

  void Execute() override {
    if (fd_ >= 0 && call_.make(fd_) != 0) error_ = errno;
    // Here, not on the JavaScript thread: closing may block on a network file system.
    int close_error = close_once();
    if (error_ == 0) error_ = close_error;
  }

 protected:
  void HandleOKCallback() override {
    if (error_ == 0) {
      v8::Local<v8::Value> none = Nan::Null();
      callback->Call(1, &none);
      return;
    }
    v8::Local<v8::Value> error = system_error::make(error_, call_.name);
    callback->Call(1, &error);
  }

 private:
  int close_once() {
    int fd = call_.duplicates ? fd_ : -1;
    fd_ = -1;
    return fd >= 0 && close(fd) != 0 && errno != EINTR ? errno : 0;
  }

  const Call& call_;
  int fd_;
  int error_;
};

void queue(const Nan::FunctionCallbackInfo<v8::Value>& info, const Call& call) {
  int given = Nan::To<int32_t>(info[0]).FromJust();
  int fd = call.duplicates ? fcntl(given, F_DUPFD_CLOEXEC, 0) : given;
  int error = fd < 0 ? errno : 0;
  Nan::AsyncQueueWorker(new Sync(new Nan::Callback(info[1].As<v8::Function>()), call, fd, error));
}

bool are_good(const Nan::FunctionCallbackInfo<v8::Value>& info) {
  return info.Length() >= 2 && info[0]->IsInt32() && info[1]->IsFunction();
}

NAN_METHOD(NodeSyncFileSystem) {
  if (!are_good(info)) return Nan::ThrowError("syncFileSystem(fd, callback)");
  queue(info, kSyncFileSystem);
}

NAN_METHOD(NodeHandOver) {
  if (!are_good(info)) return Nan::ThrowError("handOver(fd, callback)");
  queue(info, kHandOver);
}

NAN_METHOD(NodeStartWriting) {
  if (!are_good(info)) return Nan::ThrowError("startWriting(fd, callback)");
  queue(info, kStartWriting);
}

njs::ExtraMethod sync_file_system(nullptr, "syncFileSystem", NodeSyncFileSystem);
njs::ExtraMethod hand_over(nullptr, "handOver", NodeHandOver);
njs::ExtraMethod start_writing(nullptr, "startWriting", NodeStartWriting);

}  // namespace
