// The guest's driver of a console, as Linux's is: buffers for input and for control messages, and
// the handshake that opens the port.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unit/virtio/driver.h"
#include "virtio/console.h"

namespace boxlite::virtio {

constexpr size_t kControlInput = 2;
constexpr size_t kControlOutput = 3;
constexpr size_t kPortInput = 4;
constexpr size_t kPortOutput = 5;

// Counts calls; any thread.
class Ears : public PortListener {
 public:
  void OnReadable() override { ++readable; }
  void OnWritable() override { ++writable; }
  std::atomic<int> readable = 0;
  std::atomic<int> writable = 0;
};

class ConsoleDriver {
 public:
  static constexpr uint32_t kPage = 4096;

  explicit ConsoleDriver(kvm::GuestMemory& memory)
      : memory_(&memory),
        control_input(memory, 0x10000, 16),
        control_output(memory, 0x12000, 16),
        port_input(memory, 0x14000, 64),
        port_output(memory, 0x16000, 64) {}

  Queues MakeQueues(uint64_t features = kTransportFeatures) {
    return QueuesOf(*memory_,
                    {nullptr, nullptr, &control_input, &control_output, &port_input, &port_output},
                    features);
  }

  static Bytes Message(uint32_t port, uint16_t event, uint16_t value) {
    Bytes bytes;
    AppendLe<uint32_t>(bytes, port);
    AppendLe<uint16_t>(bytes, event);
    AppendLe<uint16_t>(bytes, value);
    return bytes;
  }
  void SendControl(Console& console, uint32_t port, uint16_t event, uint16_t value) {
    Put(*memory_, 0x20000, Message(port, event, value));
    control_output.Add({{0x20000, 8, false}});
    console.Kick(kControlOutput);
    while (control_output.NextUsed()) {
    }
  }
  void GiveControlBuffers(Console& console, int count) {
    for (int i = 0; i < count; ++i) control_input.Add({{ControlBuffer(), kPage, true}});
    console.Kick(kControlInput);
  }
  // The messages that came since.
  std::vector<Bytes> ReceiveControl() {
    std::vector<Bytes> messages;
    while (auto used = control_input.NextUsed())
      messages.push_back(Get(*memory_, 0x30000 + kPage * (received_++ % 16), used->written));
    return messages;
  }
  void Open(Console& console) {
    GiveControlBuffers(console, 4);
    SendControl(console, 0xffffffff, 0, 1);
    SendControl(console, 1, 3, 1);
    SendControl(console, 1, 6, 1);
    while (!ReceiveControl().empty()) {
    }
  }

  // Output of one write: one buffer.
  void Say(Console& console, std::string_view text) {
    uint64_t address = kBuffers + said_;
    said_ = (said_ + text.size()) % (2 * 1024 * 1024);
    Put(*memory_, address, AsBytes(text));
    port_output.Add({{address, static_cast<uint32_t>(text.size()), false}});
    console.Kick(kPortOutput);
  }
  void GiveBuffers(Console& console, int count, uint32_t size = kPage) {
    for (int i = 0; i < count; ++i)
      port_input.Add({{0x50000 + kPage * (given_++ % 64), size, true}});
    console.Kick(kPortInput);
  }
  std::string Hear() {
    std::string text;
    while (auto used = port_input.NextUsed())
      text += AsText(Get(*memory_, 0x50000 + kPage * (heard_++ % 64), used->written));
    return text;
  }

 private:
  uint64_t ControlBuffer() { return 0x30000 + kPage * (control_given_++ % 16); }

  kvm::GuestMemory* memory_;
  uint64_t said_ = 0;
  uint64_t given_ = 0;
  uint64_t heard_ = 0;
  uint64_t control_given_ = 0;
  uint64_t received_ = 0;

 public:
  DriverQueue control_input;
  DriverQueue control_output;
  DriverQueue port_input;
  DriverQueue port_output;
};

}  // namespace boxlite::virtio
