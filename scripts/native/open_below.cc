// openBelow(root, relative, mostBytes, trusting, cb): opens a regular file below a folder for reading, without following a
//   link. One that is no larger than mostBytes is not left open: if nobody has it open for writing, or trusting, it is read,
//   and then looked at as lookBelow does.
//   cb(err, [fd, writers, read, seen, state..., (found..., state by now...,) content])
//     fd -1: it is not open, and if its state is zeros, nothing is there that may be opened. writers: see below.h. read: bytes
//     of content, fewer than its size where there were no more; -1: it was not read. seen: see Seen
// lookBelow(root, relative, fd, cb): what stands there, and what the descriptor (unless it is -1) is by now.
//   cb(err, [found, state..., state of fd...]): found 0: nothing, and zeros
// A state is device, inode, mode, size, mtime and ctime in seconds and nanoseconds. Both paths are bytes. An error is one
// of the folder itself, or of what is there and can't be had.
#include "below_call.h"

namespace {

// What was seen of a file after it was read.
enum Seen {
  kNothing = 0,    // nothing stands there; the states follow, found as zeros
  kSomething = 1,  // the states follow
  kAsOpened = 2,   // both are the state that it was opened with, and do not follow
};

bool same_state(const struct stat& a, const struct stat& b) {
  return below::same_file(a, b) && a.st_mode == b.st_mode && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

class Look : public below::Call {
 protected:
  Look(Nan::Callback* callback, std::string root, std::string relative)
      : Call(callback), root_(std::move(root)), relative_(std::move(relative)) {}

  // The whole way once more, as any folder on it may be another one by now. False: it failed, and that is said.
  bool look(int fd, bool* there, struct stat* found, struct stat* opened) {
    below::Fd root = below::open_root(root_);
    if (!root.ok()) return failed("open");
    below::Place place;
    *there = below::find_place(root.get(), relative_, &place) && below::look_at(place, found);
    if (!*there && !below::is_nothing(errno)) return failed("lstat");
    if (fd >= 0 && fstat(fd, opened) != 0) return failed("fstat");
    return true;
  }

  const std::string root_, relative_;

 private:
  bool failed(const char* syscall) {
    fail(syscall);
    return false;
  }
};

class OpenBelow : public Look {
 public:
  OpenBelow(Nan::Callback* callback, std::string root, std::string relative, int64_t most_bytes, bool trusting)
      : Look(callback, std::move(root), std::move(relative)), most_bytes_(most_bytes), trusting_(trusting) {}
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
    if (opened.st_size > most_bytes_) {
      fd_ = file.release();
      return answer(fd_, writers, opened);
    }
    answer(-1, writers, opened);
    if (writers == below::kNone || trusting_) read_whole(file.get(), opened);
  }

 protected:
  void HandleOKCallback() override {
    fd_ = -1;  // the caller's from here on
    Call::HandleOKCallback();
  }

 private:
  void answer(int fd, below::Writers writers, const struct stat& state) {
    numbers_ = {fd, writers, -1, kNothing};
    add_state(state);
  }

  // What is seen after the reading was so all the while: the other way round, a change between the two would be missed.
  void read_whole(int fd, const struct stat& opened) {
    std::string content(opened.st_size, '\0');
    size_t read = 0;
    while (read < content.size()) {
      ssize_t count = pread(fd, &content[read], content.size() - read, read);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail("read");
      if (count == 0) break;
      read += count;
    }
    bool there;
    struct stat found = {}, now = {};
    if (!look(fd, &there, &found, &now)) return;
    bool as_opened = there && same_state(found, opened) && same_state(now, opened);
    numbers_[2] = static_cast<int64_t>(read);
    numbers_[3] = as_opened ? kAsOpened : there ? kSomething : kNothing;
    if (!as_opened) {
      add_state(found);
      add_state(now);
    }
    add_bytes(content.data(), read);
  }

  const int64_t most_bytes_;
  const bool trusting_;
  int fd_ = -1;
};

class LookBelow : public Look {
 public:
  LookBelow(Nan::Callback* callback, std::string root, std::string relative, int fd, int error)
      : Look(callback, std::move(root), std::move(relative)), fd_(fd), error_(error) {}

  void Execute() override {
    if (error_ != 0) {
      errno = error_;
      return fail("fcntl");
    }
    bool there;
    struct stat found = {}, opened = {};
    if (!look(fd_.get(), &there, &found, &opened)) return;
    numbers_ = {there};
    add_state(found);
    add_state(opened);
    fd_ = below::Fd();  // here, not on the JavaScript thread
  }

 private:
  below::Fd fd_;
  int error_;
};

NAN_METHOD(NodeOpenBelow) {
  if (!below::is_bytes(info[0]) || !below::is_bytes(info[1]) || !info[2]->IsNumber() || !info[3]->IsBoolean() ||
      !info[4]->IsFunction())
    return Nan::ThrowError("openBelow(root, relative, mostBytes, trusting, callback)");
  (new OpenBelow(below::callback_of(info[4]), below::bytes_of(info[0]), below::bytes_of(info[1]),
                 Nan::To<int64_t>(info[2]).FromJust(), Nan::To<bool>(info[3]).FromJust()))
      ->queue();
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
