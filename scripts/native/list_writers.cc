// listWriters(cb): which files the processes of this machine have open for writing, as far as this process may look:
//   cb(err, [inode, pid, fd, inode, pid, fd, ...])
// By /proc/PID/fdinfo alone, which asks no file system: one that hangs can't hang this. The inode number is of no known
// device: who finds one looks at /proc/PID/fd/FD. Kernels before 5.14 do not say it there; then it is asked for.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "below_call.h"

namespace {

bool is_number(const char* name) { return name[0] >= '1' && name[0] <= '9'; }

class ListWriters : public below::Call {
 public:
  explicit ListWriters(Nan::Callback* callback) : Call(callback) {}

  void Execute() override {
    DIR* processes = opendir("/proc");
    if (!processes) return fail("opendir");
    while (const dirent* process = readdir(processes))
      if (is_number(process->d_name)) add_process(process->d_name);
    closedir(processes);
  }

 private:
  void add_process(const char* pid) {
    std::string folder = std::string("/proc/") + pid;
    DIR* descriptors = opendir((folder + "/fd").c_str());
    if (!descriptors) return;  // it has ended, or is not ours to look at
    while (const dirent* fd = readdir(descriptors)) {
      if (fd->d_name[0] < '0' || fd->d_name[0] > '9') continue;
      char target[2];
      ssize_t length = readlinkat(dirfd(descriptors), fd->d_name, target, sizeof target);
      if (length > 0 && target[0] == '/') add_file(folder, pid, fd->d_name);
    }
    closedir(descriptors);
  }

  void add_file(const std::string& folder, const char* pid, const char* fd) {
    FILE* info = fopen((folder + "/fdinfo/" + fd).c_str(), "re");
    if (!info) return;
    char line[128];
    unsigned flags = 0;
    unsigned long long inode = 0;
    while (fgets(line, sizeof line, info)) {
      if (sscanf(line, "flags: %o", &flags) == 1) continue;
      if (sscanf(line, "ino: %llu", &inode) == 1) break;
    }
    fclose(info);
    bool writes = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
    if (!writes || (flags & O_PATH) != 0) return;
    struct stat found;
    if (inode == 0) {
      if (stat((folder + "/fd/" + fd).c_str(), &found) != 0) return;
      inode = found.st_ino;
    }
    numbers_.insert(numbers_.end(), {static_cast<int64_t>(inode), atoll(pid), atoll(fd)});
  }
};

NAN_METHOD(NodeListWriters) {
  if (!info[0]->IsFunction()) return Nan::ThrowError("listWriters(callback)");
  (new ListWriters(below::callback_of(info[0])))->queue();
}

njs::ExtraMethod list_writers(nullptr, "listWriters", NodeListWriters);

}  // namespace
