// A full look at a watch, and a look at single files, on a worker thread. Node's API takes a promise and a dozen of objects
// for each file; this packs what is found into a buffer that is used again, some hundred files at a time.
//
//   openLook(root, inotify)                 an object for one look at all that is below `root` (bytes). inotify: a descriptor
//                                           of openFolderWatch, by which each folder is watched before it is read; -1: none
//   lookOn(look, enter, buffer, cb)         goes on: `enter` are folders below the root to be read, too, relative to it, each
//                                           ended by NUL ("": the root itself). cb(bytes): so much of `buffer` is filled; 0: it is over
//   lookAtPaths(root, paths, buffer, cb)    looks at single paths below the root, each ended by NUL. cb(bytes, paths looked at)
//
// Each folder is opened below the root's descriptor without following a link on the way (openat2, or folder by folder), and its
// entries are looked at below its own: what another program puts in a folder's place is never entered. Hidden names,
// links and special files are passed over. The buffer has records, each a multiple of 8 bytes, in this machine's byte order:
//
//   folder   u32 1, u32 length, i32 errno, i32 watch descriptor or -errno, then its path from the root
//            once it is opened, or can't be; again at the beginning of a buffer in the middle of it, and when reading it ends in an error
//   entry    u32 2 file | 3 folder | 4 can't be looked at | 5 something else | 6 nothing, u32 length, u64 all, u64 content,
//            u64 size, i64 mtime s, u32 ns, u32 ctime ns, i64 ctime s, u64 inode, u64 device, i32 errno, u32 0, then its name
//   (`all` and `content`: hashes of the path with the state, and with size and mtime only, seeded by the process)
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <memory>
#include <string>
#include <vector>
#include "folder_events.h"
#include "nan.h"

namespace {

enum Kind : uint32_t { kFolderRecord = 1, kFile, kFolder, kUnknown, kOther, kNothing };

struct FolderRecord {
  uint32_t kind, length;
  int32_t error, watch;
};

struct EntryRecord {
  uint32_t kind, length;
  uint64_t all, content, size;
  int64_t mtime;
  uint32_t mtime_ns, ctime_ns;
  int64_t ctime;
  uint64_t inode, device;
  int32_t error;
  uint32_t unused;
};

// agent/uploader/discover/look.ts reads them.
static_assert(sizeof(FolderRecord) == 16 && sizeof(EntryRecord) == 80);

size_t padded(size_t n) { return (n + 7) & ~size_t(7); }

struct Output {
  char* data;
  size_t size, used = 0;
  // Whether it fits; a record that fits no buffer at all does not exist: names and paths are shorter.
  template <class Record>
  bool add(Record record, const char* text, size_t length) {
    size_t needs = sizeof record + padded(length);
    if (used + needs > size) return false;
    record.length = length;
    memcpy(data + used, &record, sizeof record);
    memcpy(data + used + sizeof record, text, length);
    used += needs;
    return true;
  }
};

// A 64-bit hash, seeded so that nobody can have two names meet on purpose.
struct Hash {
  static uint64_t seed(int which) {
    static const std::vector<uint64_t> seeds = [] {
      std::vector<uint64_t> s{0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};
      if (getrandom(s.data(), s.size() * 8, GRND_NONBLOCK) < 0) s[0] ^= uintptr_t(&s);
      return s;
    }();
    return seeds[which] | 1;
  }
  uint64_t value = seed(0);
  void mix(uint64_t word) {
    __uint128_t product = __uint128_t(value ^ word ^ seed(1)) * 0xa0761d6478bd642f;
    value = uint64_t(product) ^ uint64_t(product >> 64);
    value = (value ^ seed(0)) * 0xe7037ed1a0b428db;
    value ^= value >> 32;
  }
  void mix(const char* text, size_t length) {
    uint64_t word;
    for (; length >= 8; text += 8, length -= 8) {
      memcpy(&word, text, 8);
      mix(word);
    }
    word = uint64_t(length + 1) << 56;
    memcpy(&word, text, length);
    mix(word);
  }
};

// `of_path` is the hash of the whole path.
EntryRecord entry_of(const Hash& of_path, const struct stat& s) {
  EntryRecord r{};
  r.kind = S_ISREG(s.st_mode) ? kFile : S_ISDIR(s.st_mode) ? kFolder : kOther;
  r.size = s.st_size;
  r.mtime = s.st_mtim.tv_sec;
  r.mtime_ns = s.st_mtim.tv_nsec;
  r.ctime = s.st_ctim.tv_sec;
  r.ctime_ns = s.st_ctim.tv_nsec;
  r.inode = s.st_ino;
  r.device = s.st_dev;
  Hash hash = of_path;
  hash.mix(r.size);
  hash.mix(uint64_t(r.mtime));
  hash.mix(r.mtime_ns);
  r.content = hash.value;
  hash.mix(uint64_t(r.ctime));
  hash.mix(r.ctime_ns);
  hash.mix(r.inode);
  r.all = hash.value;
  return r;
}

int open_root(const std::string& root) { return open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK); }

// A folder below the root, or -1 and errno. No link on the way is followed.
int open_folder(int root, const std::string& path) {
  if (path.empty()) return fcntl(root, F_DUPFD_CLOEXEC, 0);
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  static bool has_openat2 = true;
  if (has_openat2 && path.size() < 4000) {
    open_how how{};
    how.flags = flags;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    int fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return fd;
    // Older kernels do not know it, some containers forbid it.
    if (errno != ENOSYS && errno != EPERM) return -1;
    if (errno == ENOSYS) has_openat2 = false;
  }
  int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
  for (size_t from = 0; at >= 0 && from <= path.size();) {
    size_t to = std::min(path.find('/', from), path.size());
    int next = openat(at, path.substr(from, to - from).c_str(), flags);
    int error = errno;
    close(at);
    errno = error;
    at = next;
    from = to + 1;
  }
  return at;
}

struct Look {
  std::string root;
  int inotify;
  int root_fd = -1;
  std::vector<std::string> folders;
  // The folder that is being read.
  DIR* folder = nullptr;
  std::string path;
  int watch = 0;
  // An entry that found no room in the last buffer.
  EntryRecord held{};
  std::string held_name;

  ~Look() {
    if (folder) closedir(folder);
    if (root_fd >= 0) close(root_fd);
  }

  void go_on(Output& out) {
    if (folder && !out.add(FolderRecord{kFolderRecord, 0, 0, watch}, path.data(), path.size())) return;
    if (!held_name.empty()) {
      out.add(held, held_name.data(), held_name.size());
      held_name.clear();
    }
    for (;;) {
      if (!folder && (folders.empty() || !begin(out))) {
        if (folders.empty() || full) break;
        continue;
      }
      if (!read(out)) break;
    }
    full = false;
  }

 private:
  bool full = false;

  // Opens the next folder; false: it can't be opened, or (`full`) there is no room to say that it was.
  bool begin(Output& out) {
    path = folders.back();
    int error = 0, fd = -1;
    if (root_fd < 0) root_fd = open_root(root);
    if (root_fd >= 0) fd = open_folder(root_fd, path);
    if (fd < 0) error = errno;
    watch = fd >= 0 && inotify >= 0 ? folder_events::watch(inotify, fd, root, path) : 0;
    if (fd >= 0 && !(folder = fdopendir(fd))) {
      error = errno;
      close(fd);
    }
    if (!out.add(FolderRecord{kFolderRecord, 0, error, watch}, path.data(), path.size())) {
      if (folder) closedir(folder);
      folder = nullptr;
      full = true;
      return false;
    }
    folders.pop_back();
    return folder != nullptr;
  }

  // Reads the folder to its end, or until the buffer is full: false.
  bool read(Output& out) {
    Hash of_folder;
    std::string whole = path.empty() ? path : path + "/";
    const size_t prefix = whole.size();
    for (;;) {
      errno = 0;
      dirent* d = readdir(folder);
      if (!d) {
        int error = errno;
        closedir(folder);
        folder = nullptr;
        return error == 0 || out.add(FolderRecord{kFolderRecord, 0, error, watch}, path.data(), path.size());
      }
      if (d->d_name[0] == '.') continue;
      EntryRecord r{};
      if (d->d_type == DT_DIR) {
        r.kind = kFolder;
      } else if (d->d_type == DT_REG || d->d_type == DT_UNKNOWN) {
        struct stat s;
        if (fstatat(dirfd(folder), d->d_name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
          if (errno == ENOENT) continue;
          r.kind = kUnknown;
          r.error = errno;
        } else {
          whole.resize(prefix);
          whole += d->d_name;
          Hash hash;
          hash.mix(whole.data(), whole.size());
          r = entry_of(hash, s);
          if (r.kind == kOther) continue;
        }
      } else continue;
      if (out.add(r, d->d_name, strlen(d->d_name))) continue;
      held = r;
      held_name = d->d_name;
      return false;
    }
  }
};

std::string bytes_of(v8::Local<v8::Value> value) {
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_buffer_info(njs::env(), value->v, &data, &length) != napi_ok) throw njs::Failed("bytes are missing");
  return std::string(static_cast<char*>(data), length);
}

// Splits at the NULs; what is after the last one is nothing.
std::vector<std::string> texts_of(const std::string& packed) {
  std::vector<std::string> texts;
  for (size_t from = 0, to; (to = packed.find('\0', from)) != std::string::npos; from = to + 1)
    texts.push_back(packed.substr(from, to - from));
  return texts;
}

// Fills a buffer on a worker thread; the buffer is kept alive meanwhile.
class Filler : public Nan::AsyncWorker {
 public:
  Filler(Nan::Callback* callback, napi_value buffer) : AsyncWorker(callback) {
    void* data = nullptr;
    size_t size = 0;
    napi_get_buffer_info(env_ = njs::env(), buffer, &data, &size);
    napi_create_reference(env_, buffer, 1, &buffer_);
    out_ = {static_cast<char*>(data), size};
  }

  // On threads of their own, as the calls for single files (below_call.h).
  void queue() {
    static njs::Pool* pool = new njs::Pool;  // never destroyed, as the client's
    held_.take();
    loop_ = njs::frame->loop;
    loop_->retain();
    pool->queue(this);
  }

 protected:
  void HandleOKCallback() override {
    napi_delete_reference(env_, buffer_);
    v8::Local<v8::Value> results[] = {Nan::New(double(out_.used)), Nan::New(double(count_))};
    callback->Call(2, results);
  }
  Output out_{};
  size_t count_ = 0;

 private:
  napi_env env_;
  napi_ref buffer_ = nullptr;
};

class LookOn : public Filler {
 public:
  LookOn(Nan::Callback* callback, napi_value buffer, std::shared_ptr<Look> look)
      : Filler(callback, buffer), look_(std::move(look)) {}
  void Execute() override { look_->go_on(out_); }

 private:
  std::shared_ptr<Look> look_;
};

class LookAtPaths : public Filler {
 public:
  LookAtPaths(Nan::Callback* callback, napi_value buffer, std::string root, std::vector<std::string> paths)
      : Filler(callback, buffer), root_(std::move(root)), paths_(std::move(paths)) {}

  void Execute() override {
    int root = open_root(root_), folder = -1, error = root < 0 ? errno : 0;
    std::string opened;
    for (const std::string& path : paths_) {
      size_t slash = path.rfind('/');
      std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
      if (root >= 0 && (folder < 0 || parent != opened)) {
        if (folder >= 0) close(folder);
        folder = open_folder(root, parent);
        error = folder < 0 ? errno : 0;
        opened = parent;
      }
      EntryRecord r{};
      struct stat s;
      int failed = error;
      if (!failed && fstatat(folder, path.c_str() + (slash == std::string::npos ? 0 : slash + 1), &s,
                             AT_SYMLINK_NOFOLLOW) != 0)
        failed = errno;
      if (!failed) {
        Hash hash;
        hash.mix(path.data(), path.size());
        r = entry_of(hash, s);
      } else {
        // A link on the way, too: nothing that a full look would find.
        bool nothing = root >= 0 && (failed == ENOENT || failed == ENOTDIR || failed == ELOOP);
        r.kind = nothing ? kNothing : kUnknown;
        r.error = failed;
      }
      if (!out_.add(r, "", 0)) break;
      count_++;
    }
    if (folder >= 0) close(folder);
    if (root >= 0) close(root);
  }

 private:
  std::string root_;
  std::vector<std::string> paths_;
};

NAN_METHOD(NodeOpenLook) {
  if (info.Length() < 2 || !info[1]->IsInt32()) return Nan::ThrowError("openLook(root, inotify)");
  auto* look = new std::shared_ptr<Look>(new Look);
  napi_value external = nullptr;
  auto drop = [](napi_env, void* p, void*) { delete static_cast<std::shared_ptr<Look>*>(p); };
  if (napi_create_external(njs::env(), look, drop, nullptr, &external) != napi_ok) {
    delete look;
    return Nan::ThrowError("openLook: no memory");
  }
  (*look)->root = bytes_of(info[0]);
  (*look)->inotify = Nan::To<int32_t>(info[1]).FromJust();
  info.GetReturnValue().Set(v8::Local<v8::Value>(external));
}

NAN_METHOD(NodeLookOn) {
  void* look = nullptr;
  if (info.Length() < 4 || !info[3]->IsFunction() ||
      napi_get_value_external(njs::env(), info[0]->v, &look) != napi_ok)
    return Nan::ThrowError("lookOn(look, enter, buffer, callback)");
  std::shared_ptr<Look> shared = *static_cast<std::shared_ptr<Look>*>(look);
  for (std::string& folder : texts_of(bytes_of(info[1]))) shared->folders.push_back(std::move(folder));
  (new LookOn(new Nan::Callback(info[3].As<v8::Function>()), info[2]->v, shared))->queue();
}

NAN_METHOD(NodeLookAtPaths) {
  if (info.Length() < 4 || !info[3]->IsFunction())
    return Nan::ThrowError("lookAtPaths(root, paths, buffer, callback)");
  std::vector<std::string> paths = texts_of(bytes_of(info[1]));
  auto* callback = new Nan::Callback(info[3].As<v8::Function>());
  (new LookAtPaths(callback, info[2]->v, bytes_of(info[0]), std::move(paths)))->queue();
}

njs::ExtraMethod open_look(nullptr, "openLook", NodeOpenLook);
njs::ExtraMethod look_on(nullptr, "lookOn", NodeLookOn);
njs::ExtraMethod look_at_paths(nullptr, "lookAtPaths", NodeLookAtPaths);

}  // namespace
