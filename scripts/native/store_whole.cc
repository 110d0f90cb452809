// storeWhole(path, bytes, mode, time, cb): makes a file of these bytes and no others, with its permissions and its time of
// modification: one turn of a worker thread, for what takes five with Node's calls.
//   cb(err, [inode]): err has what Node's system errors have; what was written until then stays
// time: seconds and nanoseconds since 1970, as 64-bit integers; empty: the time of writing. The bytes are copied at once: the
// caller may use its buffer for something else.
#include "below_call.h"

namespace {

// Until it has its last mode.
constexpr mode_t kOwnerOnly = 0600;

class StoreWhole : public below::Call {
 public:
  StoreWhole(Nan::Callback* callback, std::string path, std::string bytes, mode_t mode, std::string time)
      : Call(callback),
        path_(std::move(path)),
        bytes_(std::move(bytes)),
        mode_(mode),
        time_(std::move(time)) {}

  void Execute() override {
    below::Fd file = make();
    if (!file.ok()) return fail("open");
    if (!write_all(file.get())) return fail("write");
    struct stat made;
    if (fstat(file.get(), &made) != 0) return fail("fstat");
    // vfat refuses the modes that it can't keep, also for what was just made.
    if (fchmod(file.get(), mode_) != 0 && errno != EPERM) return fail("fchmod");
    // Some file systems send what was written only now, and nobody else is told that it was not taken.
    if (close(file.release()) != 0 && errno != EINTR) return fail("close");
    if (!time_.empty()) set_time();
    numbers_ = {static_cast<int64_t>(made.st_ino)};
  }

 private:
  below::Fd make() {
    below::Fd file = make_new();
    // Something of this name was left behind; or another program put there what must not be written to.
    if (file.ok() || errno != EEXIST || unlink(path_.c_str()) != 0) return file;
    return make_new();
  }

  below::Fd make_new() {
    return below::Fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
  }

  bool write_all(int fd) {
    for (size_t at = 0; at < bytes_.size();) {
      ssize_t written = write(fd, bytes_.data() + at, bytes_.size() - at);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      at += written;
    }
    return true;
  }

  // Once it is closed, as some file systems set it then. Others have no such times, or let only their owner set them: that is
  // not worth a file. Drivers in user space skip a call that leaves the access time out (libfuse 2), so that is set as well.
  void set_time() {
    int64_t numbers[2];
    memcpy(numbers, time_.data(), sizeof numbers);
    struct timespec times[2] = {{0, UTIME_NOW}, {numbers[0], numbers[1]}};
    utimensat(AT_FDCWD, path_.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }

  std::string path_, bytes_;
  mode_t mode_;
  std::string time_;
};

NAN_METHOD(NodeStoreWhole) {
  if (!below::is_bytes(info[0]) || !below::is_bytes(info[1]) || !info[2]->IsInt32() || !below::is_bytes(info[3]) ||
      !info[4]->IsFunction())
    return Nan::ThrowError("storeWhole(path, bytes, mode, time, callback)");
  std::string time = below::bytes_of(info[3]);
  if (!time.empty() && time.size() != 2 * sizeof(int64_t))
    return Nan::ThrowError("storeWhole: time has two integers, or none");
  (new StoreWhole(below::callback_of(info[4]), below::bytes_of(info[0]), below::bytes_of(info[1]),
                  Nan::To<int32_t>(info[2]).FromJust(), std::move(time)))
      ->queue();
}

njs::ExtraMethod store_whole(nullptr, "storeWhole", NodeStoreWhole);

}  // namespace
