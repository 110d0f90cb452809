// What the old C library (see old-libc) does not have and the addon, or a library linked into it, asks for: the same by what it does have.
// check_imports in build names what is missing here. The numbers are the versions of glibc that brought it.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {

// 2.33. The kernel's `struct stat` is the library's on both architectures.

int fstatat(int folder, const char* path, struct stat* found, int flags) noexcept {
  return static_cast<int>(syscall(SYS_newfstatat, folder, path, found, flags));
}

int stat(const char* path, struct stat* found) noexcept { return fstatat(AT_FDCWD, path, found, 0); }

int lstat(const char* path, struct stat* found) noexcept { return fstatat(AT_FDCWD, path, found, AT_SYMLINK_NOFOLLOW); }

int fstat(int fd, struct stat* found) noexcept { return fstatat(fd, "", found, AT_EMPTY_PATH); }

// 2.38: what its headers make of these functions' names; to the older ones "0b11" is not 3. By labels, or it would be made of those here, too.

long older_strtol(const char* text, char** end, int base) __asm__("strtol");
long __isoc23_strtol(const char* text, char** end, int base) { return older_strtol(text, end, base); }

unsigned long older_strtoul(const char* text, char** end, int base) __asm__("strtoul");
unsigned long __isoc23_strtoul(const char* text, char** end, int base) { return older_strtoul(text, end, base); }

long long older_strtoll(const char* text, char** end, int base) __asm__("strtoll");
long long __isoc23_strtoll(const char* text, char** end, int base) { return older_strtoll(text, end, base); }

unsigned long long older_strtoull(const char* text, char** end, int base) __asm__("strtoull");
unsigned long long __isoc23_strtoull(const char* text, char** end, int base) { return older_strtoull(text, end, base); }

int older_vsscanf(const char* text, const char* format, va_list values) __asm__("__isoc99_vsscanf");
int __isoc23_sscanf(const char* text, const char* format, ...) {
  va_list values;
  va_start(values, format);
  int found = older_vsscanf(text, format, values);
  va_end(values);
  return found;
}

// 2.32, for libstdc++: true is a permission to do without atomic instructions.
char __libc_single_threaded = 0;

// 2.35, for libgcc, which unwinds the stack when an exception is thrown: what is loaded where that address is.
int _dl_find_object(void* address, dl_find_object* result) noexcept {
  struct Search {
    ElfW(Addr) address;
    dl_find_object* result;
  } search{reinterpret_cast<ElfW(Addr)>(address), result};
  auto look = [](dl_phdr_info* loaded, size_t, void* data) {
    auto* search = static_cast<Search*>(data);
    const ElfW(Phdr)* code = nullptr;
    const ElfW(Phdr)* frames = nullptr;
    for (const ElfW(Phdr)* header = loaded->dlpi_phdr; header != loaded->dlpi_phdr + loaded->dlpi_phnum; header++) {
      if (header->p_type == PT_LOAD && search->address - loaded->dlpi_addr - header->p_vaddr < header->p_memsz) code = header;
      if (header->p_type == PT_GNU_EH_FRAME) frames = header;
    }
    if (code == nullptr || frames == nullptr) return 0;
    auto at = [&](ElfW(Addr) offset) { return reinterpret_cast<void*>(loaded->dlpi_addr + offset); };
    *search->result = {};
    search->result->dlfo_map_start = at(code->p_vaddr);
    search->result->dlfo_map_end = at(code->p_vaddr + code->p_memsz);
    search->result->dlfo_eh_frame = at(frames->p_vaddr);
    return 1;
  };
  return dl_iterate_phdr(look, &search) == 1 ? 0 : -1;
}
}
