// node_buffer.h: node::Buffer on Node-API.
#ifndef NJS_NODE_BUFFER_H_
#define NJS_NODE_BUFFER_H_
#include "v8.h"
namespace node {
namespace Buffer {
inline bool info(v8::Local<v8::Value> v, void** data, size_t* n) {
  *data = nullptr;
  *n = 0;
  return !v.IsEmpty() && njs::ok(napi_get_buffer_info(njs::env(), v->v, data, n));
}
inline bool HasInstance(v8::Local<v8::Value> v) {
  bool r = false;
  void* d;
  size_t n;
  return !v.IsEmpty() && njs::ok(napi_is_buffer(njs::env(), v->v, &r)) && r && info(v, &d, &n);
}
inline size_t Length(v8::Local<v8::Value> v) {
  void* d;
  size_t n;
  info(v, &d, &n);
  return n;
}
// Never null for an empty buffer: the package takes null for "no key / no value" (upstream bug: empty ones
// become null in Node).
inline char* Data(v8::Local<v8::Value> v) {
  static char empty[1];
  void* d;
  size_t n;
  info(v, &d, &n);
  return d ? static_cast<char*>(d) : empty;
}
}  // namespace Buffer
}  // namespace node
#endif
