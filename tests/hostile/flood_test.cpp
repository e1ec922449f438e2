// A guest that says more on its serial console than anybody reads: the host's memory does not grow
// with it, and what is kept are the last words.
//
// BOXLITE_HOSTILE_SECONDS in the environment: for how long.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "hostile/raw_machine.h"
#include "kvm/serial_port.h"
#include "loop/loop.h"
#include "machine/serial_relay.h"

namespace boxlite::hostile_test {
namespace {

constexpr uint64_t kRound = 40'000;  // bytes; two of them are more than is kept
constexpr uint64_t kGrowthLimit = 4 * kMib;

uint64_t ResidentBytes() {
  uint64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

int64_t WantedMs() {
  const char* seconds = std::getenv("BOXLITE_HOSTILE_SECONDS");
  return seconds ? 1000 * std::strtoll(seconds, nullptr, 10) : 0;
}

class SerialFlood : public testing::Test {
 protected:
  void SetUp() override {
    machine_ = RawMachine::Create().TakeValue();
    ASSERT_TRUE(relay_.Start(*loop_, [this](std::string_view text) { heard_ = text; }).ok());
    serial_ = std::make_unique<kvm::SerialPort>(machine_->interrupts().line(kvm::kSerialInterrupt),
                                                [this](uint8_t byte) { relay_.Put(byte); });
    ASSERT_TRUE(machine_->ports().Add(kvm::kSerialPort, kvm::kSerialPortSize, *serial_).ok());
    ASSERT_TRUE(machine_->Start().ok());
  }
  void TearDown() override {
    EXPECT_TRUE(machine_->Leave());
    EXPECT_EQ(machine_->Trespass(), std::nullopt);
  }
  static Script RoundOf(uint64_t bytes) {
    return {{Op::kOutMany, 0, kvm::kSerialPort, 'x', bytes},
            {Op::kOut8, 0, kvm::kSerialPort, '!', 0}};
  }

  std::unique_ptr<loop::Loop> loop_ = loop::Loop::Create().TakeValue();
  std::string heard_;
  machine::SerialRelay relay_;
  std::unique_ptr<kvm::SerialPort> serial_;
  std::unique_ptr<RawMachine> machine_;
};

TEST_F(SerialFlood, Endless_TakesBoundedMemory) {
  Script round = RoundOf(kRound);
  machine_->Run(round);
  uint64_t before = ResidentBytes();
  int64_t until = MonotonicMs() + WantedMs();
  do machine_->Run(round);
  while (MonotonicMs() < until && !HasFailure());
  uint64_t after = ResidentBytes();
  EXPECT_LT(after, before + kGrowthLimit);
  loop_->RunReady();
  EXPECT_LE(heard_.size(), machine::SerialRelay::kLimit);
  EXPECT_EQ(heard_.substr(heard_.size() - 2), "x!");
}

// An interrupt for each byte, none of which the guest takes. In the KVM rig each costs much
// (docs/rig.md), hence fewer.
TEST_F(SerialFlood, WithItsInterrupts_ComesThrough) {
  constexpr uint64_t kBytes = 5000;
  constexpr uint8_t kTransmitterEmpty = 2;
  machine_->Run({{Op::kOut8, 0, kvm::kSerialPort + 1, kTransmitterEmpty, 0}});
  machine_->Run(RoundOf(kBytes));
  Script identity = machine_->Run({{Op::kIn8, 0, kvm::kSerialPort + 2, 0, 0}});
  EXPECT_EQ(identity[0].result, kTransmitterEmpty);
  loop_->RunReady();
  EXPECT_EQ(heard_, std::string(kBytes, 'x') + "!");
}

}  // namespace
}  // namespace boxlite::hostile_test
