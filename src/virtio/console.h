// Console: a virtio console (virtio 1.2, section 5.3) whose port 1, "boxlite.agent", is the guest
// agent's byte stream. The host's side of it is like a non-blocking descriptor: bytes move straight
// between the rings and the caller's buffer, nothing is kept here, and a guest whose output nobody
// reads waits.
//
// Thread rule: any thread. The listener is called from Kick, on the thread that kicks, with no lock
// held.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>

#include "virtio/console_control.h"
#include "virtio/console_state.h"
#include "virtio/device.h"
#include "virtio/interrupt.h"

namespace boxlite::virtio {

// May be called where nothing changed: the next Read or Write tells.
class PortListener {
 public:
  virtual ~PortListener() = default;
  virtual void OnReadable() = 0;
  virtual void OnWritable() = 0;
};

class Console : public Device {
 public:
  // All three outlive the console.
  Console(kvm::GuestMemory& memory, Interrupt& interrupt, PortListener& listener);

  // Takes what the guest wrote, as much as there is and fits. Where that is less than fits, nothing
  // more is there now, and OnReadable tells when there is.
  size_t Read(std::span<uint8_t> into);
  // Puts bytes into the buffers that the guest has laid out, as many as fit. Where those were not
  // all, OnWritable tells when to go on. None before a program in the guest has opened the port.
  size_t Write(ByteSpan bytes);

  uint32_t id() const override { return 3; }
  uint64_t features() const override;
  size_t queue_count() const override { return ConsoleState::kQueues; }
  uint16_t queue_max_size(size_t index) const override;
  void ReadConfig(uint64_t offset, std::span<uint8_t> data) const override;
  void WriteConfig(uint64_t offset, ByteSpan data) override;
  void Activate(uint64_t features, Queues queues) override;
  void Kick(size_t index) override;
  void Reset() override;

  // While no vCPU runs. A console is restored once, in place of Activate.
  ConsoleState Save() const;
  Result<void> Restore(const ConsoleState& state);

 private:
  enum class Wake { kNobody, kReader, kWriter };
  // Each with mutex_ held.
  Wake Kicked(size_t index);
  bool NextOutput(Queue& queue);
  size_t Fill(Queue& queue, ByteSpan bytes);
  void ServeControl();
  Result<void> TakeMessages(Queue& queue, size_t& budget);
  Result<void> SendMessages(Queue& queue, size_t& budget);
  void SignalUsed(Queue& queue);
  Result<void> RestoreAll(const ConsoleState& state);
  void Fail(const Error& error);
  void Clear();

  kvm::GuestMemory& memory_;
  Interrupt& interrupt_;
  PortListener& listener_;
  mutable std::mutex mutex_;  // guards what follows
  std::array<std::optional<Queue>, ConsoleState::kQueues> queues_;
  std::optional<Chain> output_;  // of port 1, taken and not yet given back
  uint64_t consumed_ = 0;        // of output_
  ConsoleControl control_;
};

}  // namespace boxlite::virtio
