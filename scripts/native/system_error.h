// Failed system calls as JavaScript errors with what Node's have: code ("EIO"), errno (-5), syscall ("open").
#ifndef SYSTEM_ERROR_H_
#define SYSTEM_ERROR_H_
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <string>
#include "nan.h"

namespace system_error {

// strerrorname_np would need a newer C library.
inline std::string name_of(int number) {
  switch (number) {
#define NAME(code) \
  case code: return #code;
    NAME(E2BIG) NAME(EACCES) NAME(EAGAIN) NAME(EBADF) NAME(EBUSY) NAME(ECONNABORTED) NAME(ECONNREFUSED)
    NAME(ECONNRESET) NAME(EDQUOT) NAME(EEXIST) NAME(EFBIG) NAME(EHOSTDOWN) NAME(EHOSTUNREACH) NAME(EILSEQ)
    NAME(EINTR) NAME(EINVAL) NAME(EIO) NAME(EISDIR) NAME(EKEYEXPIRED) NAME(ELOOP) NAME(EMEDIUMTYPE) NAME(EMFILE)
    NAME(EMLINK) NAME(ENAMETOOLONG) NAME(ENETUNREACH) NAME(ENFILE) NAME(ENODEV) NAME(ENOENT) NAME(ENOKEY)
    NAME(ENOLCK) NAME(ENOLINK) NAME(ENOMEDIUM) NAME(ENOMEM) NAME(ENOSPC) NAME(ENOSYS) NAME(ENOTCONN) NAME(ENOTDIR) NAME(ENOTEMPTY) NAME(ENXIO) NAME(EOPNOTSUPP) NAME(EOVERFLOW)
    NAME(EPERM) NAME(EREMOTEIO) NAME(EROFS) NAME(ESHUTDOWN) NAME(ESTALE) NAME(ETIMEDOUT) NAME(ETXTBSY)
    NAME(EUCLEAN) NAME(EXDEV)
#undef NAME
    default: return "errno " + std::to_string(number);
  }
}

inline void set(v8::Local<v8::Value> error, const char* key, v8::Local<v8::Value> value) {
  Nan::Set(error.As<v8::Object>(), Nan::New(key).ToLocalChecked(), value);
}

inline v8::Local<v8::Value> make(int number, const char* syscall) {
  std::string name = name_of(number), text = strerror(number);
  if (!text.empty()) text[0] = static_cast<char>(tolower(text[0]));
  v8::Local<v8::Value> error = Nan::Error((name + ": " + text + ", " + syscall).c_str());
  set(error, "code", Nan::New(name).ToLocalChecked());
  set(error, "errno", Nan::New(-number));
  set(error, "syscall", Nan::New(syscall).ToLocalChecked());
  return error;
}

}  // namespace system_error
#endif
