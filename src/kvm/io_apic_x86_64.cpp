#include "kvm/io_apic_x86_64.h"

#include <algorithm>
#include <utility>

#include "kvm/layout.h"

namespace boxlite::kvm {
namespace {

// Where the two registers are by which all others are reached, and those others.
constexpr uint64_t kSelect = 0x00, kWindow = 0x10;
enum : uint8_t { kId = 0, kVersion = 1, kArbitration = 2, kTable = 0x10 };
constexpr uint32_t kIdBits = 0x0f00'0000;
constexpr uint32_t kVersionOfThis = 0x11;

// An entry of the table: vector, delivery mode, whether the destination is a logical one, delivery
// status (12), polarity (13), remote IRR (14), trigger mode (15), mask, destination.
constexpr uint64_t kVectorAndMode = 0x7ff;
constexpr uint64_t kLogical = 1 << 11;
constexpr uint64_t kMasked = 1 << 16;
constexpr uint64_t kWritable = 0xff00'0000'0001'afff;
constexpr unsigned kDestinationShift = 56;

// The same as an address and data that a device would write (Intel's manual, volume 3, 11.11).
constexpr unsigned kMessageDestinationShift = 12;
constexpr uint64_t kMessageLogical = 1 << 2;

uint64_t AddressOf(uint64_t entry) {
  uint64_t address = kLocalApic | entry >> kDestinationShift << kMessageDestinationShift;
  return entry & kLogical ? address | kMessageLogical : address;
}

}  // namespace

IoApic::IoApic(Send send) : send_(std::move(send)) {
  for (Pin& pin : pins_) {
    pin.send = &send_;
    pin.entry = kMasked;
  }
}

// What is raised while it is masked is lost, as the manual has it for edges.
void IoApic::Pin::Raise() {
  uint64_t now = entry.load();
  if (now & kMasked) return;
  (*send)(AddressOf(now), static_cast<uint32_t>(now & kVectorAndMode));
}

void IoApic::Read(uint64_t offset, std::span<uint8_t> data) {
  uint32_t value = 0;
  {
    std::lock_guard lock(mutex_);
    if (offset == kSelect) value = selected_;
    if (offset == kWindow) value = ReadRegister();
  }
  for (size_t i = 0; i < std::min(data.size(), sizeof value); ++i)
    data[i] = static_cast<uint8_t>(value >> 8 * i);
}

void IoApic::Write(uint64_t offset, ByteSpan data) {
  uint32_t value = 0;
  for (size_t i = 0; i < std::min(data.size(), sizeof value); ++i)
    value |= static_cast<uint32_t>(data[i]) << 8 * i;
  std::lock_guard lock(mutex_);
  if (offset == kSelect) selected_ = static_cast<uint8_t>(value);
  if (offset == kWindow) WriteRegister(value);
}

uint32_t IoApic::ReadRegister() const {
  if (selected_ == kId || selected_ == kArbitration) return id_;
  if (selected_ == kVersion) return kVersionOfThis | (kIoApicPins - 1) << 16;
  uint32_t pin = (selected_ - kTable) / 2u;
  if (selected_ < kTable || pin >= kIoApicPins) return 0;
  uint64_t entry = pins_[pin].entry.load();
  return static_cast<uint32_t>(selected_ % 2 == 0 ? entry : entry >> 32);
}

void IoApic::WriteRegister(uint32_t value) {
  if (selected_ == kId) id_ = value & kIdBits;
  uint32_t pin = (selected_ - kTable) / 2u;
  if (selected_ < kTable || pin >= kIoApicPins) return;
  uint64_t entry = pins_[pin].entry.load();
  if (selected_ % 2 == 0) {
    entry = (entry & ~uint64_t{0xffff'ffff}) | value;
  } else {
    entry = (entry & 0xffff'ffff) | uint64_t{value} << 32;
  }
  pins_[pin].entry.store(entry & kWritable);
}

}  // namespace boxlite::kvm
