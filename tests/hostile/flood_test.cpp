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

TEST(SerialFlood, Endless_TakesBoundedMemory) {
  auto machine = RawMachine::Create().TakeValue();
  auto loop = loop::Loop::Create().TakeValue();
  machine::SerialRelay relay;
  std::string heard;
  ASSERT_TRUE(relay.Start(*loop, [&heard](std::string_view text) { heard = text; }).ok());
  kvm::SerialPort serial(machine->interrupts().line(kvm::kSerialInterrupt),
                         [&relay](uint8_t byte) { relay.Put(byte); });
  ASSERT_TRUE(machine->ports().Add(kvm::kSerialPort, kvm::kSerialPortSize, serial).ok());
  ASSERT_TRUE(machine->Start().ok());
  Script round{{Op::kOutMany, 0, kvm::kSerialPort, 'x', kRound},
               {Op::kOut8, 0, kvm::kSerialPort, '!', 0}};
  machine->Run(round);
  uint64_t before = ResidentBytes();
  int64_t until = MonotonicMs() + WantedMs();
  do machine->Run(round);
  while (MonotonicMs() < until && !testing::Test::HasFailure());
  uint64_t after = ResidentBytes();
  EXPECT_LT(after, before + kGrowthLimit);
  loop->RunReady();
  EXPECT_LE(heard.size(), machine::SerialRelay::kLimit);
  EXPECT_EQ(heard.substr(heard.size() - 2), "x!");
  EXPECT_TRUE(machine->Leave());
  EXPECT_EQ(machine->Trespass(), std::nullopt);
}

}  // namespace
}  // namespace boxlite::hostile_test
