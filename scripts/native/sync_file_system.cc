// syncFileSystem(fd, cb): syncfs(2), on a worker thread. Node's API has no such call, and thousands of files
// are made durable with one instead of an fsync each.
//   cb(err): err has what Node's system errors have: code ("EIO"), errno (-5), syscall ("syncfs")
//
// The descriptor is duplicated at once: the caller may close its own while the worker waits for its turn, and
// the number could by then belong to a file on another disk. The duplicate shares the open file, so an error
// of writing back is still reported to this caller (Linux reports it once for each open file).
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "nan.h"
#include "system_error.h"

namespace {

class SyncFileSystem : public Nan::AsyncWorker {
 public:
  SyncFileSystem(Nan::Callback* callback, int fd, int open_error)
      : AsyncWorker(callback), fd_(fd), error_(open_error) {}
  ~SyncFileSystem() { close_once(); }

  void Execute() override {
    if (fd_ >= 0 && syncfs(fd_) != 0) error_ = errno;
    close_once();  // here, not on the JavaScript thread: closing may block on a network file system
  }

 protected:
  void HandleOKCallback() override {
    if (error_ == 0) {
      v8::Local<v8::Value> none = Nan::Null();
      callback->Call(1, &none);
      return;
    }
    v8::Local<v8::Value> error = system_error::make(error_, "syncfs");
    callback->Call(1, &error);
  }

 private:
  void close_once() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int fd_;
  int error_;
};

NAN_METHOD(NodeSyncFileSystem) {
  if (info.Length() < 2 || !info[0]->IsInt32() || !info[1]->IsFunction()) {
    return Nan::ThrowError("syncFileSystem(fd, callback)");
  }
  int fd = fcntl(Nan::To<int32_t>(info[0]).FromJust(), F_DUPFD_CLOEXEC, 0);
  int error = fd < 0 ? errno : 0;
  Nan::AsyncQueueWorker(new SyncFileSystem(new Nan::Callback(info[1].As<v8::Function>()), fd, error));
}

njs::ExtraMethod sync_file_system(nullptr, "syncFileSystem", NodeSyncFileSystem);

}  // namespace
