#include "kvm/reset_port.h"

#include <gtest/gtest.h>

namespace boxlite::kvm {
namespace {

class ResetPortTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(ports_.Add(kResetPort, kResetPortSize, port_).ok()); }
  void Write(uint64_t address, const Bytes& data) { ports_.Write(address, data); }

  int resets_ = 0;
  ResetPort port_{[this] { ++resets_; }};
  Bus ports_;
};

TEST_F(ResetPortTest, Pulses_ResetOnce) {
  Write(kResetPort, {0xfe});
  EXPECT_EQ(resets_, 1);
  Write(kResetPort, {0xfe});
  EXPECT_EQ(resets_, 1);
}

TEST_F(ResetPortTest, OtherCommands_DoNothing) {
  for (int command = 0; command < 0xfe; ++command)
    Write(kResetPort, {static_cast<uint8_t>(command)});
  Write(kResetPort, {0xff});
  EXPECT_EQ(resets_, 0);
}

// The kernel waits until bit 1, "busy", is clear.
TEST_F(ResetPortTest, Status_IsReady) {
  Bytes status(1, 0xaa);
  ports_.Read(kResetPort, status);
  EXPECT_EQ(status[0], 0);
}

TEST_F(ResetPortTest, PortsBesideAndWiderAccesses_DoNothing) {
  Write(kResetPort - 1, {0xfe});
  Write(kResetPort + 1, {0xfe});
  Write(kResetPort, {0xfe, 0xfe});
  EXPECT_EQ(resets_, 0);
}

}  // namespace
}  // namespace boxlite::kvm
