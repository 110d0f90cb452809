/*
 * A launcher: shows the files of SOURCE, read-only and without its folders, at MOUNTPOINT as a file system of its own, and
 * runs what follows in sight of it. Stopped (SIGSTOP), the process in PIDFILE is a mount that does not answer: every call
 * below MOUNTPOINT hangs until it goes on (SIGCONT).
 *
 *   hanging-fs SOURCE MOUNTPOINT PIDFILE COMMAND...
 *
 * The kernel's FUSE protocol as linux/fuse.h has it, without a library; in a mount namespace of its own, so that nothing
 * is left behind.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST_FILES = 1000, LONGEST_NAME = 256, BUFFER = 1 << 20 };

static char names[MOST_FILES][LONGEST_NAME];
static int name_count;
static int source;
static int device;
static char buffer[BUFFER];

static void die(const char *what) {
  perror(what);
  exit(70);
}

static void reply(uint64_t unique, int error, const void *body, size_t length) {
  struct fuse_out_header header = {sizeof header + length, -error, unique};
  struct iovec parts[] = {{&header, sizeof header}, {(void *)body, length}};
  (void)!writev(device, parts, length ? 2 : 1);
}

/* Nodes are 1, the root, and 2 and on, the files by name. */
static uint64_t node_of(const char *name) {
  for (int at = 0; at < name_count; at++)
    if (strcmp(names[at], name) == 0) return at + 2;
  if (name_count == MOST_FILES || strlen(name) >= LONGEST_NAME) return 0;
  strcpy(names[name_count], name);
  return name_count++ + 2;
}

static const char *path_of(uint64_t node) { return node == 1 ? "." : names[node - 2]; }

static int attributes(uint64_t node, struct fuse_attr *attr) {
  struct stat st;
  if (fstatat(source, path_of(node), &st, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  memset(attr, 0, sizeof *attr);
  attr->ino = st.st_ino;
  attr->size = st.st_size;
  attr->atime = st.st_atim.tv_sec, attr->atimensec = st.st_atim.tv_nsec;
  attr->mtime = st.st_mtim.tv_sec, attr->mtimensec = st.st_mtim.tv_nsec;
  attr->ctime = st.st_ctim.tv_sec, attr->ctimensec = st.st_ctim.tv_nsec;
  attr->mode = st.st_mode;
  attr->nlink = 1;
  attr->blksize = 4096;
  return 0;
}

static void look_up(uint64_t unique, const char *name) {
  struct fuse_entry_out entry = {0};
  entry.nodeid = node_of(name);
  int error = entry.nodeid == 0 ? ENOENT : attributes(entry.nodeid, &entry.attr);
  if (error == 0 && !S_ISREG(entry.attr.mode)) error = ENOENT;
  reply(unique, error, &entry, error ? 0 : sizeof entry);
}

static void list(uint64_t unique, const struct fuse_read_in *in) {
  static char out[BUFFER];
  size_t length = 0;
  int folder = openat(source, ".", O_RDONLY | O_DIRECTORY);
  DIR *dir = in->offset == 0 && folder >= 0 ? fdopendir(folder) : NULL;
  if (!dir && folder >= 0) close(folder);
  for (struct dirent *found; dir && (found = readdir(dir));) {
    if (found->d_type != DT_REG) continue;
    struct fuse_dirent *entry = (struct fuse_dirent *)(out + length);
    size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + strlen(found->d_name));
    if (length + size > in->size) break;
    memset(entry, 0, size);
    entry->ino = found->d_ino;
    entry->off = length + size;
    entry->type = DT_REG;
    entry->namelen = strlen(found->d_name);
    memcpy(entry->name, found->d_name, entry->namelen);
    length += size;
  }
  if (dir) closedir(dir);
  reply(unique, 0, out, length);
}

static void read_file(uint64_t unique, uint64_t node, const struct fuse_read_in *in) {
  static char out[BUFFER];
  int file = openat(source, path_of(node), O_RDONLY | O_NOFOLLOW);
  ssize_t length = file < 0 ? -1 : pread(file, out, in->size < BUFFER ? in->size : BUFFER, in->offset);
  int error = errno;
  if (file >= 0) close(file);
  reply(unique, length < 0 ? error : 0, out, length < 0 ? 0 : length);
}

static void serve(void) {
  for (;;) {
    ssize_t length = read(device, buffer, sizeof buffer);
    if (length < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (length < (ssize_t)sizeof(struct fuse_in_header)) exit(0);
    struct fuse_in_header *in = (struct fuse_in_header *)buffer;
    void *body = in + 1;
    switch (in->opcode) {
      case FUSE_INIT: {
        struct fuse_init_out out = {.major = 7, .minor = 31, .max_readahead = 65536, .max_write = 65536};
        reply(in->unique, 0, &out, sizeof out);
        break;
      }
      case FUSE_GETATTR: {
        struct fuse_attr_out out = {0};
        int error = attributes(in->nodeid, &out.attr);
        reply(in->unique, error, &out, error ? 0 : sizeof out);
        break;
      }
      case FUSE_OPEN:
      case FUSE_OPENDIR: {
        struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO};
        reply(in->unique, 0, &out, sizeof out);
        break;
      }
      case FUSE_LOOKUP: look_up(in->unique, body); break;
      case FUSE_READDIR: list(in->unique, body); break;
      case FUSE_READ: read_file(in->unique, in->nodeid, body); break;
      case FUSE_RELEASE:
      case FUSE_RELEASEDIR:
      case FUSE_FLUSH: reply(in->unique, 0, NULL, 0); break;
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT: break;
      default: reply(in->unique, ENOSYS, NULL, 0);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 5) return fprintf(stderr, "usage: hanging-fs SOURCE MOUNTPOINT PIDFILE COMMAND...\n"), 64;
  if (unshare(CLONE_NEWNS) != 0) die("unshare");
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) die("mount --make-rprivate");
  source = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (source < 0 || device < 0) die("open");
  char options[100];
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
  if (mount("hanging-fs", argv[2], "fuse", MS_NOSUID | MS_NODEV, options) != 0) die("mount");
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    // A stopped process does not notice that nobody is left.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) exit(0);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    serve();
  }
  FILE *pid = fopen(argv[3], "w");
  if (!pid || fprintf(pid, "%d", child) < 0 || fclose(pid) != 0) die(argv[3]);
  execvp(argv[4], argv + 4);
  die(argv[4]);
}
