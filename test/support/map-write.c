// map-write FILE TEXT: maps a file, closes it, and touches its content once; with a line on standard input it writes the
// text over the file's beginning. The page is written to already then: where pages are not written back (tmpfs), no time of
// the file changes with it.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char** words) {
  if (count != 3) return 2;
  int file = open(words[1], O_RDWR);
  struct stat found;
  if (file < 0 || fstat(file, &found) != 0) return 1;
  volatile char* mapped = mmap(NULL, found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED || close(file) != 0) return 1;
  mapped[0] = mapped[0];
  if (puts("mapped") < 0 || fflush(stdout) != 0 || getchar() == EOF) return 1;
  memcpy((char*)mapped, words[2], strlen(words[2]));
  return 0;
}
