// Preloaded into an agent (LD_PRELOAD) by faults.ts: makes calls of it fail, and its clock wrong, as files in the folder
// $FAULTS say. They are looked at again at each call, and at most every 10 ms for the clock.
//
//   $FAULTS/fail-syncs   while it is there, each sync fails with EIO, and adds a byte to $FAULTS/failed
//   $FAULTS/refuse-closed
//                        the same for closing a file that was written to, with ENOSPC; the file is empty then, as one that a store
//                        far away did not take
//   $FAULTS/fail-reads   the same for reading from a place in a file
//   $FAULTS/no-modes     the same for changes of modes, with EPERM as vfat says it
//   $FAULTS/no-folders   the same for making folders, with EDQUOT
//   $FAULTS/clock        seconds that the time of day is off, as text
//   $FAULTS/no-openat2, no-renameat2, no-leases
//                        what these calls fail with, a number as text
//   $FAULTS/before-rename, after-rename
//                        a file that takes the old name just before something is renamed below a folder, or just after
//   $FAULTS/inodes       while it is there, every file has another inode number each 50 ms
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int at(char* path, size_t size, const char* name) {
  const char* folder = getenv("FAULTS");
  return folder && snprintf(path, size, "%s/%s", folder, name) < (int)size;
}

static int fails(const char* why, int with) {
  char path[4096];
  if (!at(path, sizeof path, why) || access(path, F_OK) != 0) return 0;
  if (at(path, sizeof path, "failed")) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0 && write(fd, ".", 1) == 1) close(fd);
  }
  errno = with;
  return 1;
}

#define SYNC(name)                                                   \
  int name(int fd) {                                                 \
    static int (*real)(int);                                         \
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name);         \
    return fails("fail-syncs", EIO) ? -1 : real(fd);                                  \
  }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

static int is_written(int fd) {
  struct stat found;
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && syscall(SYS_fstat, fd, &found) == 0 && S_ISREG(found.st_mode) &&
         found.st_size > 0;
}

int close(int fd) {
  // What fails() does closes a file, too.
  static _Thread_local int inside;
  if (inside) return (int)syscall(SYS_close, fd);
  inside = 1;
  int is_refused = is_written(fd) && fails("refuse-closed", ENOSPC) && ftruncate(fd, 0) == 0;
  inside = 0;
  int result = (int)syscall(SYS_close, fd);
  if (is_refused) errno = ENOSPC;
  return is_refused ? -1 : result;
}

ssize_t pread(int fd, void* into, size_t size, off_t from) {
  return fails("fail-reads", EIO) ? -1 : syscall(SYS_pread64, fd, into, size, from);
}

int chmod(const char* path, mode_t mode) {
  return fails("no-modes", EPERM) ? -1 : fchmodat(AT_FDCWD, path, mode, 0);
}

int fchmod(int fd, mode_t mode) {
  static int (*real)(int, mode_t);
  if (!real) real = (int (*)(int, mode_t))dlsym(RTLD_NEXT, "fchmod");
  return fails("no-modes", EPERM) ? -1 : real(fd, mode);
}

int mkdir(const char* path, mode_t mode) {
  return fails("no-folders", EDQUOT) ? -1 : mkdirat(AT_FDCWD, path, mode);
}

static int number_in(const char* name) {
  char path[4096];
  int number = 0;
  FILE* file = at(path, sizeof path, name) ? fopen(path, "r") : NULL;
  if (file && fscanf(file, "%d", &number) != 1) number = 0;
  if (file) fclose(file);
  return number;
}

static void take_name(const char* what, int folder, const char* name) {
  char path[4096];
  int before = errno;
  if (at(path, sizeof path, what)) renameat(AT_FDCWD, path, folder, name);
  errno = before;
}

static int real_clock(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  return real(clock, now);
}

// For the addon, which asks the kernel itself (scripts/native/since_old_libc.cc).
static void number_anew(struct stat* found) {
  char path[4096];
  struct timespec now;
  if (!S_ISREG(found->st_mode) || !at(path, sizeof path, "inodes") || access(path, F_OK) != 0) return;
  real_clock(CLOCK_MONOTONIC, &now);
  found->st_ino += (unsigned long)(now.tv_sec * 20 + now.tv_nsec / 50000000) << 32;
}

long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  va_list given;
  va_start(given, number);
  long a = va_arg(given, long), b = va_arg(given, long), c = va_arg(given, long);
  long d = va_arg(given, long), e = va_arg(given, long), f = va_arg(given, long);
  va_end(given);
  int error = number == SYS_openat2     ? number_in("no-openat2")
              : number == SYS_renameat2 ? number_in("no-renameat2")
                                        : 0;
  if (number == SYS_renameat2) take_name("before-rename", (int)a, (const char*)b);
  if (error != 0) errno = error;
  long result = error != 0 ? -1 : real(number, a, b, c, d, e, f);
  if (number == SYS_renameat2 && result == 0) take_name("after-rename", (int)a, (const char*)b);
  if (number == SYS_newfstatat && result == 0) number_anew((struct stat*)c);
  return result;
}

#define FCNTL(name)                                                        \
  int name(int fd, int command, ...) {                                     \
    static int (*real)(int, int, ...);                                     \
    if (!real) real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name);     \
    va_list given;                                                         \
    va_start(given, command);                                              \
    long argument = va_arg(given, long);                                   \
    va_end(given);                                                         \
    int error = command == F_SETLEASE ? number_in("no-leases") : 0;        \
    if (error != 0) errno = error;                                         \
    return error != 0 ? -1 : real(fd, command, argument);                  \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

static time_t offset(void) {
  static _Thread_local struct timespec looked;
  static _Thread_local long seconds;
  struct timespec now;
  real_clock(CLOCK_MONOTONIC, &now);
  if ((now.tv_sec - looked.tv_sec) * 1000000000 + now.tv_nsec - looked.tv_nsec < 10000000) return seconds;
  looked = now;
  char path[4096];
  FILE* file = at(path, sizeof path, "clock") ? fopen(path, "r") : NULL;
  if (file && fscanf(file, "%ld", &seconds) != 1) seconds = 0;
  if (file) fclose(file);
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  int result = real_clock(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return result;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  (void)zone;
  struct timespec precise;
  int result = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return result;
}

time_t time(time_t* now) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now) *now = precise.tv_sec;
  return precise.tv_sec;
}

// The kernel would wait by its own clock. As there, a clock that is set back while somebody waits makes the wait longer.
int pthread_cond_timedwait(pthread_cond_t* restrict condition, pthread_mutex_t* restrict mutex,
                           const struct timespec* restrict until) {
  typedef int (*wait_fn)(pthread_cond_t*, pthread_mutex_t*, const struct timespec*);
  static wait_fn real;
  // Not the one of an older glibc, which dlsym gives.
  if (!real) real = (wait_fn)dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!real) real = (wait_fn)dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  // glibc's mark on a condition that waits by the monotonic clock.
  if (condition->__data.__wrefs & 2) return real(condition, mutex, until);
  for (;;) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long left = (until->tv_sec - now.tv_sec) * 1000000000LL + until->tv_nsec - now.tv_nsec;
    if (left <= 0) return ETIMEDOUT;
    if (left > 20000000) left = 20000000;
    struct timespec slice;
    real_clock(CLOCK_REALTIME, &slice);
    slice.tv_nsec += left;
    if (slice.tv_nsec >= 1000000000) slice.tv_nsec -= 1000000000, slice.tv_sec++;
    int result = real(condition, mutex, &slice);
    if (result != ETIMEDOUT) return result;
  }
}
