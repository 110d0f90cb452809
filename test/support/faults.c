// Preloaded into an agent (LD_PRELOAD) by faults.ts: makes its syncs fail, and its clock wrong, as files in the folder
// $FAULTS say. They are looked at again at each sync, and at most every 10 ms for the clock.
//
//   $FAULTS/fail-syncs   while it is there, each sync fails with EIO, and adds a byte to $FAULTS/failed
//   $FAULTS/clock        seconds that the time of day is off, as text
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int at(char* path, size_t size, const char* name) {
  const char* folder = getenv("FAULTS");
  return folder && snprintf(path, size, "%s/%s", folder, name) < (int)size;
}

static int fails(void) {
  char path[4096];
  if (!at(path, sizeof path, "fail-syncs") || access(path, F_OK) != 0) return 0;
  if (at(path, sizeof path, "failed")) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0 && write(fd, ".", 1) == 1) close(fd);
  }
  errno = EIO;
  return 1;
}

#define SYNC(name)                                                   \
  int name(int fd) {                                                 \
    static int (*real)(int);                                         \
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name);         \
    return fails() ? -1 : real(fd);                                  \
  }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

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
