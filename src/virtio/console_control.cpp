#include "virtio/console_control.h"

namespace boxlite::virtio {
namespace {

// Events.
constexpr uint16_t kDeviceReady = 0;
constexpr uint16_t kPortAdded = 1;
constexpr uint16_t kPortReady = 3;
constexpr uint16_t kPortOpen = 6;
constexpr uint16_t kPortNamed = 7;

uint16_t EventOf(ControlMessage message) {
  switch (message) {
    case ControlMessage::kPortAdd:
      return kPortAdded;
    case ControlMessage::kPortName:
      return kPortNamed;
    case ControlMessage::kPortOpen:
      return kPortOpen;
  }
  return kPortAdded;
}

}  // namespace

void ConsoleControl::Handle(ByteSpan message) {
  ByteReader reader(message);
  auto port = reader.Take<uint32_t>();
  auto event = reader.Take<uint16_t>();
  auto value = reader.Take<uint16_t>();
  if (!reader.ok()) return;
  if (event == kDeviceReady && value == 1) {
    waiting_.push_back(ControlMessage::kPortAdd);
  } else if (event == kPortReady && port == kPort && value == 1) {
    waiting_.push_back(ControlMessage::kPortName);
    waiting_.push_back(ControlMessage::kPortOpen);
  } else if (event == kPortOpen && port == kPort) {
    guest_open_ = value == 1;
  }
}

Bytes ConsoleControl::Encode() const {
  Bytes bytes;
  ControlMessage message = waiting_.front();
  AppendLe<uint32_t>(bytes, kPort);
  AppendLe<uint16_t>(bytes, EventOf(message));
  AppendLe<uint16_t>(bytes, 1);
  if (message == ControlMessage::kPortName) {
    ByteSpan name = AsBytes(kPortName);  // without a NUL; the buffer's length tells
    bytes.insert(bytes.end(), name.begin(), name.end());
  }
  return bytes;
}

Result<void> ConsoleControl::Restore(const ConsoleControlState& state) {
  bool known = state.waiting.size() <= kMaxWaiting;
  for (ControlMessage message : state.waiting)
    known = known && message >= ControlMessage::kPortAdd && message <= ControlMessage::kPortOpen;
  if (!known) return Error(Code::kInvalidArgument, "a saved console has messages of no kind");
  waiting_.assign(state.waiting.begin(), state.waiting.end());
  guest_open_ = state.guest_open;
  return {};
}

}  // namespace boxlite::virtio
