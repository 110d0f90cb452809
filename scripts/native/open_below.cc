// openBelow(root, relative, cb): opens a regular file below a folder for reading, without following a link.
//   cb(err, [fd, writers, state...]): fd -1: nothing is there that may be opened. writers: see below.h
// lookBelow(root, relative, fd, cb): what stands there, and what the descriptor (unless it is -1) is by now.
//   cb(err, [found, state..., state of fd...]): found 0: nothing, and zeros
// A state is device, inode, mode, size, mtime and ctime in seconds and nanoseconds. Both paths are bytes. An error is one
// of the folder itself, or of what is there and can't be had.
#include "below_call.h"

namespace {

class OpenBelow : public below::Call {
 public:
  OpenBelow(Nan::Callback* callback, std::string root, std::string relative)
      : Call(callback), root_(std::move(root)), relative_(std::move(relative)) {}
  ~OpenBelow() {
    if (fd_ >= 0) close(fd_);
  }

  void Execute() override {
    below::Fd root = below::open_root(root_);
    if (!root.ok()) return fail("open");
    below::Place place;
    struct stat opened;
    below::Fd file;
    if (below::find_place(root.get(), relative_, &place)) file = below::open_file(place, &opened);
    // Another program's lease is in the way: it has the file open.
    if (!file.ok() && errno == EAGAIN) {
      if (below::look_at(place, &opened)) return answer(-1, below::kSome, opened);
    }
    if (!file.ok()) {
      if (!below::is_nothing(errno)) return fail("open");
      return answer(-1, below::kNone, {});
    }
    below::Writers writers = below::ReadLease(file.get()).writers();
    fd_ = file.release();
    answer(fd_, writers, opened);
  }

 protected:
  void HandleOKCallback() override {
    fd_ = -1;  // the caller's from here on
    Call::HandleOKCallback();
  }

 private:
  void answer(int fd, below::Writers writers, const struct stat& state) {
    numbers_ = {fd, writers};
    add_state(state);
  }

  std::string root_, relative_;
  int fd_ = -1;
};

class LookBelow : public below::Call {
 public:
  LookBelow(Nan::Callback* callback, std::string root, std::string relative, int fd, int error)
      : Call(callback), root_(std::move(root)), relative_(std::move(relative)), fd_(fd), error_(error) {}

  void Execute() override {
    if (error_ != 0) {
      errno = error_;
      return fail("fcntl");
    }
    below::Fd root = below::open_root(root_);
    if (!root.ok()) return fail("open");
    below::Place place;
    struct stat found = {}, opened = {};
    bool there = below::find_place(root.get(), relative_, &place) && below::look_at(place, &found);
    if (!there && !below::is_nothing(errno)) return fail("lstat");
    if (fd_.ok() && fstat(fd_.get(), &opened) != 0) return fail("fstat");
    numbers_ = {there};
    add_state(found);
    add_state(opened);
    fd_ = below::Fd();  // here, not on the JavaScript thread
  }

 private:
  std::string root_, relative_;
  below::Fd fd_;
  int error_;
};

NAN_METHOD(NodeOpenBelow) {
  if (!below::is_bytes(info[0]) || !below::is_bytes(info[1]) || !info[2]->IsFunction())
    return Nan::ThrowError("openBelow(root, relative, callback)");
  (new OpenBelow(below::callback_of(info[2]), below::bytes_of(info[0]), below::bytes_of(info[1])))->queue();
}

NAN_METHOD(NodeLookBelow) {
  if (!below::is_bytes(info[0]) || !below::is_bytes(info[1]) || !info[2]->IsInt32() || !info[3]->IsFunction())
    return Nan::ThrowError("lookBelow(root, relative, fd, callback)");
  // The caller may close its own while the worker waits for its turn.
  int given = Nan::To<int32_t>(info[2]).FromJust();
  int fd = given < 0 ? -1 : fcntl(given, F_DUPFD_CLOEXEC, 0);
  int error = given >= 0 && fd < 0 ? errno : 0;
  (new LookBelow(below::callback_of(info[3]), below::bytes_of(info[0]), below::bytes_of(info[1]), fd, error))
      ->queue();
}

njs::ExtraMethod open_below(nullptr, "openBelow", NodeOpenBelow);
njs::ExtraMethod look_below(nullptr, "lookBelow", NodeLookBelow);

}  // namespace
