// The I/O APIC: the pins that devices raise, and the guest's table of what a raised pin means to
// which processor. KVM has the local APICs; a pin that is raised becomes a message to them. So KVM
// keeps no interrupt state that is not a processor's.
//
// All pins are edges: a guest that asks for levels gets edges, and nothing is told when it has
// served one.
//
// Source: Intel 82093AA I/O Advanced Programmable Interrupt Controller; Linux,
// Documentation/virt/kvm/api.rst, 7.5 (KVM_CAP_SPLIT_IRQCHIP). Thread rule: registers are for any
// vCPU's thread, pins for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>

#include "kvm/bus.h"
#include "kvm/interrupt_line.h"

namespace boxlite::kvm {

constexpr uint64_t kIoApicSize = 0x20;
// No more than have a device: a kernel clears each when it starts, at some dozen accesses.
constexpr uint32_t kIoApicPins = 12;

class IoApic : public BusDevice, public InterruptController {
 public:
  // What a device of a bus would write to interrupt a processor: a message for the local APICs.
  // Called on any thread.
  using Send = std::function<void(uint64_t address, uint32_t data)>;
  explicit IoApic(Send send);

  // By its pin, below kIoApicPins.
  InterruptLine& line(uint32_t pin) override { return pins_.at(pin); }

  void Read(uint64_t offset, std::span<uint8_t> data) override;
  void Write(uint64_t offset, ByteSpan data) override;

 private:
  class Pin : public InterruptLine {
   public:
    void Raise() override;

    const Send* send = nullptr;
    std::atomic<uint64_t> entry;  // as the guest reads it
  };

  uint32_t ReadRegister() const;
  void WriteRegister(uint32_t value);

  const Send send_;
  std::mutex mutex_;  // guards what follows, and changes of entries
  uint8_t selected_ = 0;
  uint32_t id_ = 0;
  std::array<Pin, kIoApicPins> pins_;
};

}  // namespace boxlite::kvm
