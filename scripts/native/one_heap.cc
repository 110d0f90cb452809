// One heap of the C library for all of the client's threads. By default threads get heaps of their own, up to eight a core, and
// each keeps what was freed in it: a downloader whose session had ended ten times held 60 MB there, with one heap 21, for no more CPU.
// (More than one is left where the runtime's own threads had one already. What the runtime allocates is elsewhere.)
#include <malloc.h>

namespace {

struct OneHeap {
  OneHeap() { mallopt(M_ARENA_MAX, 1); }
} one_heap;

}  // namespace
