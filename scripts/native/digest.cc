// updateDigest(algorithm, state, bytes, cb): takes bytes into a digest. cb: on a worker thread, cb() when it is done; until then the
// caller must change neither buffer. null: at once.
// finishDigest(algorithm, state): the digest's bytes; the state stays as it is, for more to come.
//
// algorithm: 0, MD5; 1, SHA-256. state: 128 bytes, zeros in the beginning. OpenSSL's own structure is kept there: nothing is allocated
// that would have to be given back. Only the calls that OpenSSL 3 calls old have that; they are as fast as its others.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>
#include "nan.h"

namespace {

enum Algorithm { kMd5, kSha256, kAlgorithms };

struct State {
  union {
    MD5_CTX md5;
    SHA256_CTX sha256;
  };
  bool begun;
};
constexpr size_t kStateBytes = 128;
static_assert(sizeof(State) <= kStateBytes);

void begin(Algorithm algorithm, State* state) {
  if (state->begun) return;
  state->begun = true;
  algorithm == kMd5 ? MD5_Init(&state->md5) : SHA256_Init(&state->sha256);
}

struct Part {
  Algorithm algorithm;
  State* state;
  const char* bytes;
  size_t count;

  void take() const {
    begin(algorithm, state);
    algorithm == kMd5 ? MD5_Update(&state->md5, bytes, count) : SHA256_Update(&state->sha256, bytes, count);
  }
};

// Keeps both buffers until it is done: whoever waits for it need not, and an engine forgets what is not used again.
class UpdateDigest : public Nan::AsyncWorker {
 public:
  UpdateDigest(Nan::Callback* callback, const Part& part, v8::Local<v8::Value> state, v8::Local<v8::Value> bytes)
      : AsyncWorker(callback), part_(part), state_(state), bytes_(bytes) {}
  void Execute() override { part_.take(); }

 protected:
  void HandleOKCallback() override {
    state_.Reset();
    bytes_.Reset();
    callback->Call(0, nullptr);
  }

 private:
  Part part_;
  Nan::Persistent<v8::Value> state_, bytes_;
};

bool are_algorithm_and_state(const Nan::FunctionCallbackInfo<v8::Value>& info) {
  return info.Length() >= 2 && info[0]->IsNumber() && Nan::To<uint32_t>(info[0]).FromJust() < kAlgorithms &&
         node::Buffer::HasInstance(info[1]) && node::Buffer::Length(info[1]) == kStateBytes &&
         reinterpret_cast<uintptr_t>(node::Buffer::Data(info[1])) % alignof(State) == 0;
}

Algorithm algorithm_of(v8::Local<v8::Value> value) {
  return static_cast<Algorithm>(Nan::To<uint32_t>(value).FromJust());
}

State* state_of(v8::Local<v8::Value> value) { return reinterpret_cast<State*>(node::Buffer::Data(value)); }

NAN_METHOD(NodeUpdateDigest) {
  if (info.Length() < 4 || !are_algorithm_and_state(info) || !node::Buffer::HasInstance(info[2]) ||
      !(info[3]->IsFunction() || info[3]->IsNull()))
    return Nan::ThrowError("updateDigest(algorithm, state, bytes, callback)");
  Part part{algorithm_of(info[0]), state_of(info[1]), node::Buffer::Data(info[2]), node::Buffer::Length(info[2])};
  if (info[3]->IsNull()) return part.take();
  Nan::AsyncQueueWorker(new UpdateDigest(new Nan::Callback(info[3].As<v8::Function>()), part, info[1], info[2]));
}

NAN_METHOD(NodeFinishDigest) {
  if (!are_algorithm_and_state(info)) return Nan::ThrowError("finishDigest(algorithm, state)");
  Algorithm algorithm = algorithm_of(info[0]);
  State state = *state_of(info[1]);
  begin(algorithm, &state);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  algorithm == kMd5 ? MD5_Final(digest, &state.md5) : SHA256_Final(digest, &state.sha256);
  info.GetReturnValue().Set(
      Nan::Encode(digest, algorithm == kMd5 ? MD5_DIGEST_LENGTH : SHA256_DIGEST_LENGTH));
}

njs::ExtraMethod update_digest(nullptr, "updateDigest", NodeUpdateDigest);
njs::ExtraMethod finish_digest(nullptr, "finishDigest", NodeFinishDigest);

}  // namespace
