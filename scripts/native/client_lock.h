// The lock under which the package's own methods use a client; disconnect() takes it for writing and deletes
// the client. Our workers hold it for as long as they use the client. It is protected, so it is read through
// a derived class.
#ifndef NJS_CLIENT_LOCK_H_
#define NJS_CLIENT_LOCK_H_
#include "src/common.h"
#include "src/connection.h"

class ClientLock : private NodeKafka::Connection {
 public:
  static uv_rwlock_t& of(NodeKafka::Connection* client) { return (client->*(&ClientLock::m_shared))->lock; }
};
#endif
