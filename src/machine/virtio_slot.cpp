#include "machine/virtio_slot.h"

#include <unistd.h>

#include <cstdio>

#include "kvm/layout.h"

namespace boxlite::machine {
namespace {

uint64_t AddressOf(Slot slot) {
  return kvm::kMmioStart + static_cast<uint64_t>(slot) * kvm::kMmioSize;
}

}  // namespace

Result<std::unique_ptr<VirtioSlot>> VirtioSlot::Create(const Places& places, Slot slot,
                                                       const MakeDevice& make) {
  std::unique_ptr<VirtioSlot> made(new VirtioSlot(places.interrupts.line(InterruptOf(slot))));
  made->device_ = BOXLITE_TRY(make(made->interrupt_));
  made->transport_ =
      std::make_unique<virtio::MmioTransport>(places.memory, *made->device_, made->interrupt_);
  BOXLITE_TRY(places.bus.Add(AddressOf(slot), kvm::kMmioSize, *made->transport_));
  BOXLITE_TRY(made->WatchQueues(places.vm, slot));
  return made;
}

Result<void> VirtioSlot::WatchQueues(const kvm::Vm& vm, Slot slot) {
  uint64_t notify = AddressOf(slot) + virtio::MmioTransport::kNotifyOffset;
  for (uint32_t index = 0; index < device_->queue_count(); ++index)
    queues_.push_back({BOXLITE_TRY(vm.MakeKick(notify, index)), nullptr});
  // One that KVM did not take for a kick becomes one: kicks are the loop's.
  transport_->NotifyBy([this](size_t index) {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = ::write(queues_[index].kick.get(), &one, sizeof one);
  });
  return {};
}

Result<void> VirtioSlot::Start(loop::Loop& loop) {
  for (size_t index = 0; index < queues_.size(); ++index) {
    Queue& queue = queues_[index];
    queue.poll = BOXLITE_TRY(loop::FdPoll::Create(
        loop, queue.kick.get(), [this, index](loop::Interest) { OnKick(index); }));
    queue.poll->Wait({.readable = true});
  }
  return {};
}

void VirtioSlot::OnKick(size_t index) {
  uint64_t count = 0;
  // Nothing to read is a kick that was heard already.
  [[maybe_unused]] ssize_t taken = ::read(queues_[index].kick.get(), &count, sizeof count);
  device_->Kick(index);
}

std::string VirtioSlot::Announcement(Slot slot) {
  char text[64];
  std::snprintf(text, sizeof text, "virtio_mmio.device=%#llx@%#llx:%u",
                static_cast<unsigned long long>(kvm::kMmioSize),
                static_cast<unsigned long long>(AddressOf(slot)), InterruptOf(slot));
  return text;
}

}  // namespace boxlite::machine
