// One virtio-mmio slot of the kvm engine's machine: a device, its registers on the bus, its
// interrupt line, and the eventfds by which the guest's kicks reach the loop.
//
// Thread rule: the loop's thread; the registers are for the vCPUs'.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kvm/bus.h"
#include "kvm/serial_port.h"
#include "kvm/vm.h"
#include "loop/loop.h"
#include "machine/machine.h"
#include "virtio/mmio.h"

namespace boxlite::machine {

class VirtioSlot {
 public:
  using MakeDevice =
      std::function<Result<std::unique_ptr<virtio::Device>>(virtio::Interrupt& interrupt)>;

  struct Places {
    const kvm::Vm& vm;
    kvm::GuestMemory& memory;
    kvm::Bus& bus;
    kvm::InterruptController& interrupts;
  };

  // All of `places` outlive the slot.
  static Result<std::unique_ptr<VirtioSlot>> Create(const Places& places, Slot slot,
                                                    const MakeDevice& make);

  // Linux numbers interrupts as the pins they come by where the two interrupt controllers of an old
  // PC are missing. The serial port is below.
  static constexpr uint32_t InterruptOf(Slot slot) {
    return kvm::kSerialInterrupt + 1 + static_cast<uint32_t>(slot);
  }

  // From now on kicks are heard; `loop` outlives the slot.
  Result<void> Start(loop::Loop& loop);

  // What the kernel's command line says of the slot, so that its driver looks there.
  static std::string Announcement(Slot slot);

 private:
  struct Queue {
    UniqueFd kick;
    std::unique_ptr<loop::FdPoll> poll;  // goes before the descriptor
  };

  explicit VirtioSlot(kvm::InterruptLine& line) : interrupt_(line) {}
  Result<void> WatchQueues(const kvm::Vm& vm, Slot slot);
  void OnKick(size_t index);

  virtio::Interrupt interrupt_;
  std::unique_ptr<virtio::Device> device_;
  std::unique_ptr<virtio::MmioTransport> transport_;
  std::vector<Queue> queues_;
};

}  // namespace boxlite::machine
