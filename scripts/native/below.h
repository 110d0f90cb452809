// Files below a folder, by descriptors: no link is followed on the way from the folder to the file, so what is opened,
// moved or deleted is below it, whatever other programs put in each other's place meanwhile. The folder's own path may
// lead through links: it is the one that was configured. File systems that are mounted below it belong to it.
#ifndef BELOW_H_
#define BELOW_H_
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <string>
#include <utility>

namespace below {

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) : fd_(other.release()) {}
  Fd& operator=(Fd&& other) {
    close_now();
    fd_ = other.release();
    return *this;
  }
  ~Fd() { close_now(); }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  void close_now() {
    int before = errno;
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    errno = before;
  }
  int fd_;
};

// From linux/openat2.h, which older build machines do not have.
struct how {
  uint64_t flags, mode, resolve;
};
constexpr uint64_t kNoMagicLinks = 0x02, kNoSymlinks = 0x04, kBeneath = 0x08;
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

constexpr int kFolder = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

inline int open_at(int folder, const char* name, int flags) {
  int fd;
  do fd = openat(folder, name, flags);
  while (fd < 0 && errno == EINTR);
  return fd;
}

// The way for kernels before 5.6, and for containers whose filter refuses what it does not know: folder by folder, each
// opened in the one before. A link is refused there by the kernel as well (ENOTDIR).
inline Fd walk(int root, const std::string& path) {
  Fd at;
  for (size_t from = 0; from <= path.size();) {
    size_t to = path.find('/', from);
    if (to == std::string::npos) to = path.size();
    at = Fd(open_at(at.ok() ? at.get() : root, path.substr(from, to - from).c_str(), kFolder));
    if (!at.ok()) break;
    from = to + 1;
  }
  return at;
}

inline bool is_plain(const std::string& path) {
  if (path.find('\0') != std::string::npos) return false;
  for (size_t from = 0; from <= path.size();) {
    size_t to = path.find('/', from);
    if (to == std::string::npos) to = path.size();
    std::string segment = path.substr(from, to - from);
    if (segment.empty() || segment == "." || segment == "..") return false;
    from = to + 1;
  }
  return true;
}

// Opens a folder below another one; "" is that one itself. errno is ENOTDIR or ELOOP where a link or a file is on the way.
inline Fd folder_below(int root, const std::string& path) {
  if (path.empty()) return Fd(open_at(root, ".", kFolder));
  static std::atomic<bool> missing{false};
  if (!missing) {
    how h = {static_cast<uint64_t>(kFolder), 0, kBeneath | kNoSymlinks | kNoMagicLinks};
    for (int attempt = 0; attempt < 3; attempt++) {
      int fd = static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &h, sizeof h));
      if (fd >= 0) return Fd(fd);
      if (errno != EINTR && errno != EAGAIN) break;
    }
    if (errno == ENOSYS) missing = true;
    // EPERM and EINVAL: a filter, or a kernel that is none (gVisor).
    else if (errno != EPERM && errno != EINVAL && errno != E2BIG && errno != EAGAIN) return Fd();
  }
  return walk(root, path);
}

// A place below a folder: the folder that its name is in, held open, and the name.
struct Place {
  Fd parent;
  std::string name;
};

// What was asked for could not be reached because of the configured folder itself, not of what is below it.
struct Failure {
  int number = 0;
  const char* syscall = "";
};

inline Fd open_root(const std::string& root) {
  return Fd(open_at(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

inline bool find_place(int root, const std::string& relative, Place* place) {
  if (!is_plain(relative)) {
    errno = EINVAL;
    return false;
  }
  size_t slash = relative.rfind('/');
  place->name = slash == std::string::npos ? relative : relative.substr(slash + 1);
  place->parent = folder_below(root, slash == std::string::npos ? "" : relative.substr(0, slash));
  return place->parent.ok();
}

// Nothing is there, or nothing that may be followed.
inline bool is_nothing(int number) { return number == ENOENT || number == ENOTDIR || number == ELOOP; }

inline bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

inline bool look_at(const Place& place, struct stat* found) {
  return fstatat(place.parent.get(), place.name.c_str(), found, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0;
}

// For reading, never what is no regular file: to open a device can do something, and a pipe waits.
inline Fd open_file(const Place& place, struct stat* opened) {
  struct stat found;
  if (!look_at(place, &found)) return Fd();
  errno = ENOENT;
  if (!S_ISREG(found.st_mode)) return Fd();
  Fd file(open_at(place.parent.get(), place.name.c_str(),
                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.ok() || fstat(file.get(), opened) != 0) return Fd();
  errno = ENOENT;
  return S_ISREG(opened->st_mode) ? std::move(file) : Fd();
}

// Whether somebody has the file open for writing. A read lease is refused (EAGAIN) exactly then, or when another lease
// is in the way, which somebody holds who has it open. It is not granted for files of others without CAP_LEASE (EACCES),
// nor by some file systems (EINVAL). See fcntl(2), "Leases".
enum Writers { kNone = 0, kSome = 1, kUnknown = 2 };

class ReadLease {
 public:
  explicit ReadLease(int file) : file_(file) {
    // Who opens the file meanwhile waits until it is given back, and the holder gets a signal: not SIGIO, which would
    // end the process, but one that is ignored unless somebody asks for it.
    if (fcntl(file, F_SETSIG, SIGURG) != 0) return;
    if (fcntl(file, F_SETLEASE, F_RDLCK) == 0) {
      held_ = true;
      writers_ = kNone;
    } else if (errno == EAGAIN) writers_ = kSome;
  }
  ~ReadLease() {
    int before = errno;
    if (held_) fcntl(file_, F_SETLEASE, F_UNLCK);
    errno = before;
  }
  ReadLease(const ReadLease&) = delete;
  Writers writers() const { return writers_; }
  // Whether nobody has begun to open the file for writing since.
  bool is_whole() const { return !held_ || fcntl(file_, F_GETLEASE) == F_RDLCK; }

 private:
  int file_;
  bool held_ = false;
  Writers writers_ = kUnknown;
};

}  // namespace below
#endif
