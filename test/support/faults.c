// Preloaded into an agent (LD_PRELOAD) by faults.ts: makes calls of it fail, and its clock wrong, as files in the folder
// $FAULTS say. They are looked at again at each call, and at most every 10 ms for the clock.
//
//   $FAULTS/fail-syncs   while it is there, each sync fails with EIO, and adds a byte to $FAULTS/failed
//   $FAULTS/no-modes     the same for changes of modes, with EPERM as vfat says it
//   $FAULTS/no-folders   the same for making folders, with EDQUOT
//   $FAULTS/clock        seconds that the time of day is off, as text
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <threads.h>
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

static int real_clock(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  return real(clock, now);
}

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

// glibc's is the same, by another way than the function above.
int cnd_timedwait(cnd_t* restrict condition, mtx_t* restrict mutex, const struct timespec* restrict until) {
  int result = pthread_cond_timedwait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex, until);
  return result == 0 ? thrd_success : result == ETIMEDOUT ? thrd_timedout : thrd_error;
}
