// node.h: constants on Node-API.
#ifndef NJS_NODE_H_
#define NJS_NODE_H_
#include "uv.h"
#include "node_buffer.h"
#ifndef NODE_MAJOR_VERSION
#define NODE_MAJOR_VERSION 20  // the package asks only whether it is above 6
#endif
namespace njs {
inline void constant(v8::Local<v8::Object> o, const char* name,
                     double d) {  // enumerable, read-only, as in Node
  napi_value v = nullptr;
  ok(napi_create_double(env(), d, &v));
  napi_property_descriptor p = {name, nullptr, nullptr, nullptr, nullptr, v, napi_enumerable, nullptr};
  ok(napi_define_properties(env(), o->v, 1, &p));
}
}  // namespace njs
#define NODE_DEFINE_CONSTANT(target, c) njs::constant(target, #c, static_cast<double>(c))
#endif
