// The one thing that is left of a PC's keyboard controller: the line by which it resets the
// processor. Linux takes it with reboot=k.
//
// Thread rule: any vCPU's thread; `on_reset` is called there, the first time that the guest asks.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "kvm/bus.h"

namespace boxlite::kvm {

constexpr uint16_t kResetPort = 0x64;
constexpr uint16_t kResetPortSize = 1;

class ResetPort : public BusDevice {
 public:
  explicit ResetPort(std::function<void()> on_reset) : on_reset_(std::move(on_reset)) {}

  // Its status: it is ready for a command.
  void Read(uint64_t, std::span<uint8_t> data) override { std::ranges::fill(data, uint8_t{0}); }
  void Write(uint64_t, ByteSpan data) override {
    constexpr uint8_t kPulseReset = 0xfe;
    if (data[0] == kPulseReset && !asked_.test_and_set()) on_reset_();
  }

 private:
  const std::function<void()> on_reset_;
  std::atomic_flag asked_;
};

}  // namespace boxlite::kvm
