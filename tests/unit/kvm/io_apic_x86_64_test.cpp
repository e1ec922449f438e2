#include "kvm/io_apic_x86_64.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>
#include <vector>

namespace boxlite::kvm {
namespace {

constexpr uint64_t kSelect = 0, kWindow = 0x10;
constexpr uint32_t kMasked = 1 << 16;
using Message = std::pair<uint64_t, uint32_t>;

// As a kernel's driver uses it: 32 bits at a time, by way of the select register.
class IoApicTest : public testing::Test {
 protected:
  void Write(uint64_t offset, uint32_t value) {
    std::array<uint8_t, 4> bytes{};
    StoreLe(bytes.data(), value);
    apic_.Write(offset, bytes);
  }
  uint32_t Read(uint64_t offset) {
    std::array<uint8_t, 4> bytes{};
    apic_.Read(offset, bytes);
    return LoadLe<uint32_t>(bytes.data());
  }
  void WriteRegister(uint8_t number, uint32_t value) {
    Write(kSelect, number);
    Write(kWindow, value);
  }
  uint32_t ReadRegister(uint8_t number) {
    Write(kSelect, number);
    return Read(kWindow);
  }
  void WriteEntry(uint32_t pin, uint32_t low, uint32_t high) {
    WriteRegister(static_cast<uint8_t>(0x10 + 2 * pin), low);
    WriteRegister(static_cast<uint8_t>(0x11 + 2 * pin), high);
  }

  std::vector<Message> sent_;
  IoApic apic_{[this](uint64_t address, uint32_t data) { sent_.emplace_back(address, data); }};
};

TEST_F(IoApicTest, Version_SaysHowManyPinsThereAre) {
  EXPECT_EQ(ReadRegister(1), 0x11u | (kIoApicPins - 1) << 16);
  WriteRegister(1, 0);
  EXPECT_EQ(ReadRegister(1), 0x11u | (kIoApicPins - 1) << 16);
}

TEST_F(IoApicTest, Id_IsKept) {
  WriteRegister(0, 0xffff'ffff);
  EXPECT_EQ(ReadRegister(0), 0x0f00'0000u);
  EXPECT_EQ(ReadRegister(2), 0x0f00'0000u);  // by which it takes part in arbitration
}

TEST_F(IoApicTest, Entries_AreMaskedAtFirstAndKeepWhatCanBeWritten) {
  for (uint32_t pin = 0; pin < kIoApicPins; ++pin) {
    auto low = static_cast<uint8_t>(0x10 + 2 * pin);
    EXPECT_EQ(ReadRegister(low), kMasked);
    WriteEntry(pin, 0xffff'ffff, 0xffff'ffff);
    EXPECT_EQ(ReadRegister(low), 0x1'afffu);  // neither delivery status nor remote IRR
    EXPECT_EQ(ReadRegister(low + 1), 0xff00'0000u);
  }
}

TEST_F(IoApicTest, RegistersThatAreNone_AreZero) {
  for (int number : {3, 0x0f, 0x10 + 2 * static_cast<int>(kIoApicPins), 0x80, 0xff}) {
    WriteRegister(static_cast<uint8_t>(number), 0xffff'ffff);
    EXPECT_EQ(ReadRegister(static_cast<uint8_t>(number)), 0u) << number;
  }
  Write(4, 0xffff'ffff);
  EXPECT_EQ(Read(4), 0u);
}

TEST_F(IoApicTest, Raise_SendsWhatTheEntrySays) {
  WriteEntry(5, 0x31, 3u << 24);
  apic_.line(5).Raise();
  WriteEntry(kIoApicPins - 1, 0x42 | 1 << 8 | 1 << 11, 0xffu << 24);  // lowest priority, logical
  apic_.line(kIoApicPins - 1).Raise();
  EXPECT_EQ(sent_, (std::vector<Message>{{0xfee0'3000, 0x31}, {0xfeef'f004, 0x142}}));
}

// Levels too are sent as edges: the trigger mode is not part of what is sent.
TEST_F(IoApicTest, Raise_LevelAsked_IsAnEdge) {
  WriteEntry(5, 0x31 | 1 << 15 | 1 << 13, 0);
  apic_.line(5).Raise();
  apic_.line(5).Raise();
  EXPECT_EQ(sent_, (std::vector<Message>{{0xfee0'0000, 0x31}, {0xfee0'0000, 0x31}}));
}

TEST_F(IoApicTest, Raise_Masked_IsLost) {
  WriteEntry(5, 0x31 | kMasked, 0);
  apic_.line(5).Raise();
  WriteEntry(5, 0x31, 0);
  EXPECT_TRUE(sent_.empty());
  apic_.line(5).Raise();
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(IoApicTest, Accesses_OfOtherWidths_TakeTheLowBytes) {
  std::array<uint8_t, 1> one{1};
  apic_.Write(kSelect, one);
  std::array<uint8_t, 8> eight{};
  apic_.Read(kWindow, eight);
  EXPECT_EQ(LoadLe<uint64_t>(eight.data()), 0x11u | (kIoApicPins - 1) << 16);
}

}  // namespace
}  // namespace boxlite::kvm
