// room: vm
// The relay between hostile clients and a hostile guest agent. The input is a script: a byte that
// says who sends (bit 0: the agent, else client 0 or 1 by bit 1; 0xff: that client goes away), a
// length byte, and so many bytes of that side's frame stream.
#include <array>
#include <cstdlib>

#include "vm/relay.h"

namespace {

using boxlite::Bytes;
using boxlite::ByteSpan;
using boxlite::Result;
using boxlite::vm::ClientId;

class Owner : public boxlite::vm::RelayOwner {
 public:
  void SendToClient(ClientId, ByteSpan head, ByteSpan body) override { Check(head, body); }
  void SendToAgent(ByteSpan head, ByteSpan body) override {
    Check(head, body);
    pending_ += head.size() + body.size();
  }
  size_t AgentPending() const override { return pending_; }
  void OnOperation(ClientId, uint32_t, boxlite::proto::Op, ByteSpan) override {}
  void OnOperationCancelled(ClientId, uint32_t, boxlite::proto::Op) override {}
  void OnAgentHello(const boxlite::proto::Hello&) override {}
  void OnAgentBye(const boxlite::proto::Bye&) override {}
  void OnOwnClosed(uint32_t, Result<void>) override {}
  void OnMainExited(int32_t) override {}

 private:
  // Whatever comes in, what goes out is a whole, well-formed frame.
  static void Check(ByteSpan head, ByteSpan body) {
    Bytes wire(head.begin(), head.end());
    wire.insert(wire.end(), body.begin(), body.end());
    boxlite::proto::FrameParser parser;
    parser.Append(wire);
    auto frame = parser.Next();
    if (!frame.ok() || !frame.value() || !parser.TakeUnparsed().empty()) std::abort();
  }

  size_t pending_ = 0;
};

template <typename Handler>
bool Feed(boxlite::proto::FrameParser& parser, ByteSpan bytes, Handler handle) {
  parser.Append(bytes);
  for (;;) {
    auto frame = parser.Next();
    if (!frame.ok()) return false;
    if (!frame.value()) return true;
    if (!handle(*frame.value()).ok()) return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Owner owner;
  boxlite::vm::Relay relay(owner);
  relay.SetReady();
  static_cast<void>(relay.OpenOwn(boxlite::proto::Encode(boxlite::proto::Configure{})));
  std::array<ClientId, 2> clients = {relay.AddClient(), relay.AddClient()};
  std::array<boxlite::proto::FrameParser, 3> parsers;
  boxlite::ByteReader reader({data, size});
  while (!reader.empty()) {
    auto who = reader.Take<uint8_t>();
    auto length = std::min<size_t>(reader.Take<uint8_t>(), reader.size());
    ByteSpan bytes = reader.TakeBytes(length);
    size_t client = (who >> 1) & 1u;
    if ((who & 1u) != 0 && who != 0xff) {
      if (!Feed(parsers[2], bytes, [&](const auto& frame) { return relay.OnAgentFrame(frame); }))
        break;
      continue;
    }
    ClientId id = clients[client];
    auto handle = [&](const auto& frame) { return relay.OnClientFrame(id, frame); };
    if (who == 0xff || !Feed(parsers[client], bytes, handle)) {
      relay.RemoveClient(id);
      clients[client] = relay.AddClient();
      parsers[client] = {};
    }
  }
  relay.EndStreams(boxlite::Error(boxlite::Code::kStopped, "the box stopped"));
  return 0;
}
