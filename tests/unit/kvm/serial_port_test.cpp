#include "kvm/serial_port.h"

#include <gtest/gtest.h>

#include <string>

namespace boxlite::kvm {
namespace {

constexpr uint64_t kData = 0, kInterruptEnable = 1, kIdentity = 2, kFifoControl = 2;
constexpr uint64_t kLineControl = 3, kModemControl = 4, kLineStatus = 5, kModemStatus = 6;
constexpr uint64_t kScratch = 7;

constexpr uint8_t kNothingPending = 0x01, kTransmitterEmpty = 0x02;

class CountingLine : public InterruptLine {
 public:
  void Raise() override { ++count_; }
  int count() const { return count_; }

 private:
  int count_ = 0;
};

// One thread, which is the guest.
class SerialPortTest : public ::testing::Test {
 protected:
  uint8_t Get(uint64_t offset) {
    uint8_t byte = 0;
    port_.Read(offset, {&byte, 1});
    return byte;
  }
  void Set(uint64_t offset, uint8_t value) { port_.Write(offset, {&value, 1}); }
  uint8_t Pending() { return Get(kIdentity) & 0x0f; }

  CountingLine line_;
  std::string said_;
  SerialPort port_{line_, [this](uint8_t byte) { said_ += static_cast<char>(byte); }};
};

// ---------------------------------------------------------------- what a driver looks for

TEST_F(SerialPortTest, InterruptEnable_HasFourBits) {
  EXPECT_EQ(Get(kInterruptEnable), 0);
  Set(kInterruptEnable, 0xff);
  EXPECT_EQ(Get(kInterruptEnable), 0x0f);
  Set(kInterruptEnable, 0);
  EXPECT_EQ(Get(kInterruptEnable), 0);
}

TEST_F(SerialPortTest, Scratch_Keeps) {
  for (uint8_t value : {0x5a, 0xa5, 0x00, 0xff}) {
    Set(kScratch, value);
    EXPECT_EQ(Get(kScratch), value);
  }
}

// Loop, output 2, request to send: carrier and clear to send, and nothing else.
TEST_F(SerialPortTest, LoopBack_GivesTheModemsOutputsBack) {
  const uint8_t outputs_and_inputs[][2] = {{0x1a, 0x90}, {0x10, 0x00}, {0x11, 0x20}, {0x12, 0x10},
                                           {0x14, 0x40}, {0x18, 0x80}, {0x1f, 0xf0}};
  for (const auto& [outputs, inputs] : outputs_and_inputs) {
    Set(kModemControl, outputs);
    EXPECT_EQ(Get(kModemStatus) & 0xf0, inputs) << int{outputs};
    EXPECT_EQ(Get(kModemControl), outputs);
  }
}

TEST_F(SerialPortTest, WithoutLoopBack_APeerIsThere) {
  Set(kModemControl, 0x0b);
  EXPECT_EQ(Get(kModemStatus), 0xb0);
}

TEST_F(SerialPortTest, LoopBack_SaysNothingOutside) {
  Set(kModemControl, 0x10);
  Set(kData, 'x');
  EXPECT_EQ(said_, "");
  Set(kModemControl, 0x0b);
  Set(kData, 'y');
  EXPECT_EQ(said_, "y");
}

TEST_F(SerialPortTest, Fifos_AreThereWhereTheyWereEnabled) {
  EXPECT_EQ(Get(kIdentity), kNothingPending);
  Set(kFifoControl, 0x01);
  EXPECT_EQ(Get(kIdentity), 0xc0 | kNothingPending);
  Set(kFifoControl, 0x00);
  EXPECT_EQ(Get(kIdentity), kNothingPending);
}

// The steps of Linux's 8250 driver (autoconfig and autoconfig_16550a), up to its answer: a 16550A.
// Later kinds show another register behind 0x80 or 0xbf in the line control, or a bit 5 in the
// identity, or a bit 6 in the interrupt enable register.
TEST_F(SerialPortTest, Autoconfiguration_FindsA16550A) {
  Set(kLineControl, 0xbf);
  Set(kFifoControl, 0);
  Set(kLineControl, 0);
  Set(kFifoControl, 0x01);
  EXPECT_EQ(Get(kIdentity) & 0xc0, 0xc0);
  for (uint8_t control : {0x80, 0xbf}) {
    Set(kLineControl, control);
    EXPECT_NE(Get(kIdentity), 0) << int{control};
  }
  Set(kLineControl, 0xe0);
  uint8_t before = Get(kIdentity);
  Set(kLineControl, 0);
  Set(kModemControl, 0x10);
  Set(kLineControl, 0xe0);
  EXPECT_EQ((Get(kIdentity) ^ before) & 0x10, 0);
  Set(kLineControl, 0);
  Set(kModemControl, 0);
  Set(kFifoControl, 0x21);
  EXPECT_EQ(Get(kIdentity) & 0x20, 0);
  Set(kInterruptEnable, 0x40);
  EXPECT_EQ(Get(kInterruptEnable) & 0x40, 0);
  EXPECT_EQ(said_, "");
}

// ---------------------------------------------------------------- divisor

TEST_F(SerialPortTest, Divisor_TakesThePlaceOfTheFirstTwoRegisters) {
  Set(kInterruptEnable, 0x05);
  Set(kLineControl, 0x83);
  Set(kData, 0x34);
  Set(kInterruptEnable, 0x12);
  EXPECT_EQ(Get(kData), 0x34);
  EXPECT_EQ(Get(kInterruptEnable), 0x12);
  Set(kLineControl, 0x03);
  EXPECT_EQ(Get(kLineControl), 0x03);
  EXPECT_EQ(Get(kInterruptEnable), 0x05);
  EXPECT_EQ(Get(kData), 0);
  EXPECT_EQ(said_, "");
  EXPECT_EQ(line_.count(), 0);
}

// ---------------------------------------------------------------- bytes

TEST_F(SerialPortTest, Bytes_GoToTheSinkInTheirOrder) {
  for (char byte : std::string("panic:\0\xff", 8)) Set(kData, static_cast<uint8_t>(byte));
  EXPECT_EQ(said_, std::string("panic:\0\xff", 8));
}

TEST_F(SerialPortTest, LineStatus_IsReadyAndHasNothingToRead) {
  EXPECT_EQ(Get(kLineStatus), 0x60);
  Set(kData, 'x');
  EXPECT_EQ(Get(kLineStatus), 0x60);
}

TEST_F(SerialPortTest, StatusRegisters_CannotBeWritten) {
  Set(kLineStatus, 0xff);
  Set(kModemStatus, 0xff);
  EXPECT_EQ(Get(kLineStatus), 0x60);
  EXPECT_EQ(Get(kModemStatus), 0xb0);
}

// ---------------------------------------------------------------- interrupt

TEST_F(SerialPortTest, TransmitterEmpty_ComesWhenItIsEnabledAndAfterEachByte) {
  Set(kInterruptEnable, 0x02);
  EXPECT_EQ(line_.count(), 1);
  EXPECT_EQ(Pending(), kTransmitterEmpty);
  EXPECT_EQ(Pending(), kNothingPending);  // Reading it was the answer.
  Set(kData, 'x');
  EXPECT_EQ(line_.count(), 2);
  EXPECT_EQ(Pending(), kTransmitterEmpty);
}

TEST_F(SerialPortTest, EnabledOnceMore_DoesNotInterruptAgain) {
  Set(kInterruptEnable, 0x02);
  Set(kInterruptEnable, 0x03);
  EXPECT_EQ(line_.count(), 1);
}

// Linux tries it twice; a port that stays silent the second time is worked around with a timer.
TEST_F(SerialPortTest, DisabledAndEnabled_InterruptsAgain) {
  for (int round = 1; round <= 2; ++round) {
    Set(kInterruptEnable, 0x02);
    EXPECT_EQ(line_.count(), round);
    EXPECT_EQ(Pending(), kTransmitterEmpty);
    Set(kInterruptEnable, 0);
  }
}

TEST_F(SerialPortTest, Disabled_IsNotPendingAnyMore) {
  Set(kInterruptEnable, 0x02);
  Set(kInterruptEnable, 0);
  EXPECT_EQ(Pending(), kNothingPending);
}

TEST_F(SerialPortTest, OtherInterrupts_NeverCome) {
  Set(kInterruptEnable, 0x0d);
  Set(kData, 'x');
  EXPECT_EQ(line_.count(), 0);
  EXPECT_EQ(Pending(), kNothingPending);
}

// ---------------------------------------------------------------- widths

TEST_F(SerialPortTest, AccessesOfOtherWidths_AreIgnored) {
  Set(kScratch, 0x5a);
  for (size_t width : {2, 4, 8}) {
    port_.Write(kData, Bytes(width, 'x'));
    port_.Write(kInterruptEnable, Bytes(width, 0x02));
    Bytes data(width);
    port_.Read(kLineStatus, data);
    EXPECT_EQ(data, Bytes(width));
  }
  EXPECT_EQ(said_, "");
  EXPECT_EQ(line_.count(), 0);
  EXPECT_EQ(Get(kScratch), 0x5a);
}

}  // namespace
}  // namespace boxlite::kvm
