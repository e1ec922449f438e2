#include "kvm/bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace boxlite::kvm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();

// Bytes that answer, and what was asked of them.
class Memory : public BusDevice {
 public:
  explicit Memory(uint8_t answer) : answer_(answer) {}

  void Read(uint64_t offset, std::span<uint8_t> data) override {
    was_zero_ = was_zero_ && std::ranges::all_of(data, [](uint8_t byte) { return byte == 0; });
    reads_.emplace_back(offset, data.size());
    std::ranges::fill(data, answer_);
  }
  void Write(uint64_t offset, ByteSpan data) override {
    writes_.emplace_back(offset, Bytes(data.begin(), data.end()));
  }

  const std::vector<std::pair<uint64_t, size_t>>& reads() const { return reads_; }
  const std::vector<std::pair<uint64_t, Bytes>>& writes() const { return writes_; }
  bool was_zero() const { return was_zero_; }

 private:
  uint8_t answer_;
  bool was_zero_ = true;  // what was to be read into
  std::vector<std::pair<uint64_t, size_t>> reads_;
  std::vector<std::pair<uint64_t, Bytes>> writes_;
};

class BusTest : public ::testing::Test {
 protected:
  Bytes Read(uint64_t address, size_t size) {
    Bytes data(size, 0x55);
    bus_.Read(address, data);
    return data;
  }
  bool Add(uint64_t address, uint64_t size) { return bus_.Add(address, size, second_).ok(); }

  Memory first_{0x11}, second_{0x22};
  Bus bus_;
};

TEST_F(BusTest, Access_ReachesTheDeviceWithItsOffset) {
  ASSERT_TRUE(bus_.Add(0x1000, 0x100, first_).ok());
  ASSERT_TRUE(bus_.Add(0x1100, 8, second_).ok());
  EXPECT_EQ(Read(0x10ff, 1), Bytes(1, 0x11));
  EXPECT_EQ(Read(0x1100, 8), Bytes(8, 0x22));
  bus_.Write(0x1104, Bytes{1, 2, 3, 4});
  EXPECT_THAT(first_.reads(), ElementsAre(Pair(0xff, 1)));
  EXPECT_THAT(second_.reads(), ElementsAre(Pair(0, 8)));
  EXPECT_THAT(second_.writes(), ElementsAre(Pair(4, Bytes{1, 2, 3, 4})));
  EXPECT_THAT(first_.writes(), IsEmpty());
}

TEST_F(BusTest, WhatADeviceReadsInto_IsZeroBefore) {
  ASSERT_TRUE(bus_.Add(0x1000, 8, first_).ok());
  Read(0x1000, 8);
  EXPECT_TRUE(first_.was_zero());
}

TEST_F(BusTest, WhereNothingIs_ReadsAreAllOnesAndWritesVanish) {
  EXPECT_EQ(Read(0, 4), Bytes(4, 0xff));
  ASSERT_TRUE(bus_.Add(0x1000, 8, first_).ok());
  for (uint64_t address : {uint64_t{0}, uint64_t{0xfff}, uint64_t{0x1008}, kLast}) {
    EXPECT_EQ(Read(address, 1), Bytes(1, 0xff)) << address;
    bus_.Write(address, Bytes(1));
  }
  EXPECT_THAT(first_.reads(), IsEmpty());
  EXPECT_THAT(first_.writes(), IsEmpty());
}

TEST_F(BusTest, AnAccessAcrossADevicesEdge_ReachesNobody) {
  ASSERT_TRUE(bus_.Add(0x1000, 8, first_).ok());
  ASSERT_TRUE(bus_.Add(0x1008, 8, second_).ok());
  for (uint64_t address : {0x0fff, 0x1005, 0x1007, 0x100d}) {
    EXPECT_EQ(Read(address, 4), Bytes(4, 0xff)) << address;
    bus_.Write(address, Bytes(4));
  }
  for (const Memory* device : {&first_, &second_}) {
    EXPECT_THAT(device->reads(), IsEmpty());
    EXPECT_THAT(device->writes(), IsEmpty());
  }
}

TEST_F(BusTest, AnAccessAtTheSpacesEnd_DoesNotWrap) {
  ASSERT_TRUE(bus_.Add(0, 8, first_).ok());
  ASSERT_TRUE(bus_.Add(kLast - 8, 8, second_).ok());
  EXPECT_EQ(Read(kLast - 8, 8), Bytes(8, 0x22));
  EXPECT_EQ(Read(kLast - 7, 8), Bytes(8, 0xff));
  EXPECT_EQ(Read(kLast, 8), Bytes(8, 0xff));
  EXPECT_THAT(first_.reads(), IsEmpty());
}

TEST_F(BusTest, Add_WhereRangesOverlap_IsRefused) {
  ASSERT_TRUE(bus_.Add(0x1000, 0x10, first_).ok());
  EXPECT_FALSE(Add(0x1000, 0x10));
  EXPECT_FALSE(Add(0x0ff8, 0x09));
  EXPECT_FALSE(Add(0x100f, 1));
  EXPECT_FALSE(Add(0x1004, 4));
  EXPECT_FALSE(Add(0x0800, 0x1000));
  EXPECT_EQ(Read(0x1000, 1), Bytes(1, 0x11));
  EXPECT_THAT(second_.reads(), IsEmpty());
}

TEST_F(BusTest, Add_BetweenTwo_FitsToTheByte) {
  ASSERT_TRUE(bus_.Add(0x1000, 0x10, first_).ok());
  ASSERT_TRUE(bus_.Add(0x1020, 0x10, first_).ok());
  EXPECT_FALSE(Add(0x1010, 0x11));
  EXPECT_FALSE(Add(0x100f, 0x11));
  EXPECT_TRUE(Add(0x1010, 0x10));
}

TEST_F(BusTest, Add_OfNothingOrPastTheSpacesEnd_IsRefused) {
  EXPECT_FALSE(Add(0x1000, 0));
  EXPECT_FALSE(Add(kLast, 2));
  EXPECT_FALSE(Add(kLast - 7, 9));
  EXPECT_FALSE(Add(1, kLast));
  EXPECT_EQ(bus_.Add(0, 0, first_).error().code(), Code::kInternal);
}

}  // namespace
}  // namespace boxlite::kvm
