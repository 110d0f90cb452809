// Producer.prototype.giveUpSilent(address, silentMs), and the KafkaConsumer's: closes the connections to `host:port` on which
// nothing has moved for so long, within a second: no answer, and no byte that was on its way and that TCP would acknowledge.
#include <string>
#include "client_lock.h"
#include "src/connection.h"

namespace NodeKafka {
namespace {

NAN_METHOD(NodeGiveUpSilent) {
  Nan::HandleScope scope;
  if (info.Length() < 2 || !info[0]->IsString() || !info[1]->IsNumber()) {
    return Nan::ThrowError("giveUpSilent(address, silentMs)");
  }
  Connection* client = Nan::ObjectWrap::Unwrap<Connection>(info.This());
  scoped_shared_read_lock lock(ClientLock::of(client));
  if (!client->IsConnected()) return;
  rd_kafka_give_up_silent(client->GetClient()->c_ptr(), *Nan::Utf8String(info[0]),
                          Nan::To<int32_t>(info[1]).FromJust());
}

njs::ExtraMethod producer_gives_up("Producer", "giveUpSilent", NodeGiveUpSilent);
njs::ExtraMethod consumer_gives_up("KafkaConsumer", "giveUpSilent", NodeGiveUpSilent);

}  // namespace
}  // namespace NodeKafka
