// removeBelow(root, relative, expected, trusting, cb): deletes a file below a folder if it still is the one that is expected.
// moveBelow(root, relative, expected, trusting, targetRoot, targetRelative, cb): moves it to a name that is free.
// makeFoldersBelow(root, relative, cb): makes the folders on the way to a name, and the root itself, where they are missing.
//   cb(err, [outcome]) for the first two, see Outcome; cb(err, [depth]) for the third: the how manieth folder on the way is
//   something else (a file, a link), 0: all are there
// expected: inode, size, mtime and ctime in seconds and nanoseconds, as 64-bit integers. trusting: also where the system
// can't tell whether somebody has the file open for writing.
//
// Comparing and taking away is one call with everything held by descriptors: between the last comparison and the effect
// there is nothing but the next system call. While it lasts a lease shows who begins to open the file for writing.
#include <stdio.h>
#include "below_call.h"

namespace {

enum Outcome {
  kDone = 0,
  kOther = 1,      // another file stands there, or another state of it, or nothing
  kOpen = 2,       // somebody has it open for writing
  kUnknown = 3,    // whether somebody has can't be told; nothing was done
  kTaken = 4,      // the new name is not free
  kNoFolder = 5,   // the new name's folder is not there, or something else is in its place
  kPutBack = 6,    // what was moved had just become another file or state: it has its old name again
  kMisplaced = 7,  // it has not, as that is taken: it is where it was moved to
};

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

struct Expected {
  int64_t inode, size, mtime, mtime_ns, ctime, ctime_ns;

  bool has_content_of(const struct stat& s) const {
    return s.st_size == size && s.st_mtim.tv_sec == mtime && s.st_mtim.tv_nsec == mtime_ns;
  }
  bool is(const struct stat& s) const {
    return S_ISREG(s.st_mode) && static_cast<int64_t>(s.st_ino) == inode && has_content_of(s) &&
           s.st_ctim.tv_sec == ctime && s.st_ctim.tv_nsec == ctime_ns;
  }
};

enum Renamed { kRenamed, kNameTaken, kFailed };

// By two names for a moment, where the file system can't rename without replacing; as a last resort by a look before.
Renamed rename_by_link(const below::Place& from, const below::Place& to) {
  if (linkat(from.parent.get(), from.name.c_str(), to.parent.get(), to.name.c_str(), 0) == 0) {
    struct stat a, b;
    if (below::look_at(from, &a) && below::look_at(to, &b) && below::same_file(a, b) &&
        unlinkat(from.parent.get(), from.name.c_str(), 0) == 0)
      return kRenamed;
    // Another file has the first name by now, or it can't be taken away: the second one was a mistake.
    int before = errno;
    unlinkat(to.parent.get(), to.name.c_str(), 0);
    errno = before;
    return kFailed;
  }
  if (errno == EEXIST) return kNameTaken;
  if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK && errno != ENOSYS) return kFailed;
  struct stat there;
  if (below::look_at(to, &there)) return kNameTaken;
  if (errno != ENOENT) return kFailed;
  return renameat(from.parent.get(), from.name.c_str(), to.parent.get(), to.name.c_str()) == 0 ? kRenamed
                                                                                              : kFailed;
}

Renamed rename_to_free_name(const below::Place& from, const below::Place& to) {
  if (syscall(SYS_renameat2, from.parent.get(), from.name.c_str(), to.parent.get(), to.name.c_str(),
              RENAME_NOREPLACE) == 0)
    return kRenamed;
  if (errno == EEXIST) return kNameTaken;
  if (errno != EINVAL && errno != ENOSYS && errno != EPERM && errno != EOPNOTSUPP) return kFailed;
  return rename_by_link(from, to);
}

class Take : public below::Call {
 public:
  Take(Nan::Callback* callback, std::string root, std::string relative, Expected expected, bool trusting)
      : Call(callback),
        root_(std::move(root)),
        relative_(std::move(relative)),
        expected_(expected),
        trusting_(trusting) {}

  void Execute() override {
    below::Fd root = below::open_root(root_);
    if (!root.ok()) return fail("open");
    below::Place place;
    struct stat found;
    if (!below::find_place(root.get(), relative_, &place) || !below::look_at(place, &found))
      return below::is_nothing(errno) ? end(kOther) : fail("lstat");
    if (!expected_.is(found)) return end(kOther);
    below::Fd file = below::open_file(place, &found);
    // One that may be deleted, but not be read any more: it is held all the same, and can't be asked about.
    if (!file.ok() && (errno == EACCES || errno == EPERM))
      file = below::Fd(below::open_at(place.parent.get(), place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file.ok()) {
      if (errno == EAGAIN) return end(kOpen);
      return below::is_nothing(errno) ? end(kOther) : fail("open");
    }
    below::ReadLease lease(file.get());
    if (lease.writers() == below::kSome) return end(kOpen);
    if (lease.writers() == below::kUnknown && !trusting_) return end(kUnknown);
    if (fstat(file.get(), &found) != 0) return fail("fstat");
    if (!expected_.is(found)) return end(kOther);
    act(place, file, lease);
  }

 protected:
  const Expected expected_;

  virtual void act(const below::Place& place, const below::Fd& file, const below::ReadLease& lease) = 0;
  void end(Outcome outcome) { numbers_ = {outcome}; }
  // Whether the name still is that of the file that was compared.
  static bool still_names(const below::Place& place, const below::Fd& file) {
    struct stat named, held;
    return below::look_at(place, &named) && fstat(file.get(), &held) == 0 && below::same_file(named, held);
  }

 private:
  std::string root_, relative_;
  bool trusting_;
};

class RemoveBelow : public Take {
 public:
  using Take::Take;

 protected:
  void act(const below::Place& place, const below::Fd& file, const below::ReadLease& lease) override {
    if (!still_names(place, file)) return end(kOther);
    if (!lease.is_whole()) return end(kOpen);
    if (unlinkat(place.parent.get(), place.name.c_str(), 0) != 0)
      return errno == ENOENT ? end(kOther) : fail("unlink");
    end(kDone);
  }
};

class MoveBelow : public Take {
 public:
  MoveBelow(Nan::Callback* callback, std::string root, std::string relative, Expected expected, bool trusting,
            std::string target_root, std::string target)
      : Take(callback, std::move(root), std::move(relative), expected, trusting),
        target_root_(std::move(target_root)),
        target_(std::move(target)) {}

 protected:
  void act(const below::Place& place, const below::Fd& file, const below::ReadLease& lease) override {
    below::Fd root = below::open_root(target_root_);
    below::Place target;
    if (!root.ok() || !below::find_place(root.get(), target_, &target))
      return below::is_nothing(errno) ? end(kNoFolder) : fail("open");
    if (!still_names(place, file)) return end(kOther);
    if (!lease.is_whole()) return end(kOpen);
    Renamed renamed = rename_to_free_name(place, target);
    if (renamed == kNameTaken) return end(kTaken);
    if (renamed == kFailed) return errno == ENOENT ? end(kOther) : fail("rename");
    struct stat moved, held;
    // Whoever takes files from there may have been as fast.
    if (!below::look_at(target, &moved)) return end(kDone);
    if (fstat(file.get(), &held) == 0 && below::same_file(moved, held) && expected_.has_content_of(held) &&
        lease.is_whole())
      return end(kDone);
    end(rename_to_free_name(target, place) == kRenamed ? kPutBack : kMisplaced);
  }

 private:
  std::string target_root_, target_;
};

class MakeFoldersBelow : public below::Call {
 public:
  MakeFoldersBelow(Nan::Callback* callback, std::string root, std::string relative)
      : Call(callback), root_(std::move(root)), relative_(std::move(relative)) {}

  void Execute() override {
    below::Fd at = below::open_root(root_);
    if (!at.ok() && errno == ENOENT) at = make(AT_FDCWD, root_);
    if (!at.ok()) return fail("mkdir");
    errno = EINVAL;
    if (!below::is_plain(relative_)) return fail("mkdir");
    int64_t depth = 1;
    for (size_t from = 0;; depth++) {
      size_t to = relative_.find('/', from);
      if (to == std::string::npos) break;
      std::string name = relative_.substr(from, to - from);
      below::Fd next(below::open_at(at.get(), name.c_str(), below::kFolder));
      if (!next.ok() && errno == ENOENT) next = make(at.get(), name);
      if (!next.ok() && (errno == ENOTDIR || errno == ELOOP)) {
        numbers_ = {depth};
        return;
      }
      if (!next.ok()) return fail("mkdir");
      at = std::move(next);
      from = to + 1;
    }
    numbers_ = {0};
  }

 private:
  static constexpr mode_t kMode = 0755;

  // With this mode whatever the process's umask is, as far as the file system has modes.
  static below::Fd make(int parent, const std::string& name) {
    if (mkdirat(parent, name.c_str(), kMode) != 0) {
      // Another file of the same folder was a moment earlier.
      if (errno != EEXIST) return below::Fd();
    } else {
      below::Fd made(
          below::open_at(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (made.ok()) fchmod(made.get(), kMode);
    }
    return below::Fd(below::open_at(parent, name.c_str(), below::kFolder));
  }

  std::string root_, relative_;
};

bool has_expected(v8::Local<v8::Value> value) {
  return below::is_bytes(value) && node::Buffer::Length(value) == sizeof(Expected);
}

Expected expected_of(v8::Local<v8::Value> value) {
  Expected expected;
  const std::string bytes = below::bytes_of(value);
  memcpy(&expected, bytes.data(), sizeof expected);
  return expected;
}

NAN_METHOD(NodeRemoveBelow) {
  if (!below::is_bytes(info[0]) || !below::is_bytes(info[1]) || !has_expected(info[2]) || !info[4]->IsFunction())
    return Nan::ThrowError("removeBelow(root, relative, expected, trusting, callback)");
  (new RemoveBelow(below::callback_of(info[4]), below::bytes_of(info[0]), below::bytes_of(info[1]),
                   expected_of(info[2]), Nan::To<bool>(info[3]).FromJust()))
      ->queue();
}

NAN_METHOD(NodeMoveBelow) {
  if (!below::is_bytes(info[0]) || !below::is_bytes(info[1]) || !has_expected(info[2]) ||
      !below::is_bytes(info[4]) || !below::is_bytes(info[5]) || !info[6]->IsFunction())
    return Nan::ThrowError(
        "moveBelow(root, relative, expected, trusting, targetRoot, targetRelative, callback)");
  (new MoveBelow(below::callback_of(info[6]), below::bytes_of(info[0]), below::bytes_of(info[1]),
                 expected_of(info[2]), Nan::To<bool>(info[3]).FromJust(), below::bytes_of(info[4]),
                 below::bytes_of(info[5])))
      ->queue();
}

NAN_METHOD(NodeMakeFoldersBelow) {
  if (!below::is_bytes(info[0]) || !below::is_bytes(info[1]) || !info[2]->IsFunction())
    return Nan::ThrowError("makeFoldersBelow(root, relative, callback)");
  (new MakeFoldersBelow(below::callback_of(info[2]), below::bytes_of(info[0]), below::bytes_of(info[1])))
      ->queue();
}

njs::ExtraMethod remove_below(nullptr, "removeBelow", NodeRemoveBelow);
njs::ExtraMethod move_below(nullptr, "moveBelow", NodeMoveBelow);
njs::ExtraMethod make_folders_below(nullptr, "makeFoldersBelow", NodeMakeFoldersBelow);

}  // namespace
