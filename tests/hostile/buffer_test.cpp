// Hostile buffers: empty ones, and ones that lie on the rings by which they are named, for every
// queue that has a device behind it.
#include "hostile/target_test.h"

namespace boxlite::hostile_test {
namespace {

using virtio::kIndirect;
using virtio::kNext;
using virtio::kWritable;

// ---------------------------------------------------------------- empty buffers

// A chain of nothing but empty buffers, as a table of descriptors.
struct EmptyChain {
  const char* name;
  uint64_t address;  // of the buffers
  uint16_t count;
  bool indirect;
};
constexpr EmptyChain kEmptyChains[] = {
    {"One", kBuffers, 1, false},
    {"AsManyAsFit", kBuffers, 8, false},
    {"OutsideOfMemory", kMemoryEnd, 2, false},
    {"AtTheHighestAddress", ~uint64_t{0}, 2, false},
    {"Indirect", kBuffers, 1, true},
    {"IndirectOutsideOfMemory", ~uint64_t{0}, 1024, true},
};

class EmptyBuffers : public TargetTest<EmptyChain> {
 protected:
  void LayOut() {
    auto writable = static_cast<uint16_t>(target_.writable ? kWritable : 0);
    uint64_t table = case_.indirect ? kTables : queue().config().descriptors;
    for (uint16_t i = 0; i < case_.count; ++i) {
      bool last = i + 1 == case_.count;
      auto flags = static_cast<uint16_t>(writable | (last ? 0 : kNext));
      queue().WriteDescriptor(table + 16u * i, case_.address, 0, flags,
                              static_cast<uint16_t>(i + 1));
    }
    if (case_.indirect) queue().SetDescriptor(0, kTables, 16u * case_.count, kIndirect);
    queue().MakeAvailable(0);
  }
};

// A request without a header, and a message that does not fit, break the protocol. All others are
// taken for what they are.
TEST_P(EmptyBuffers, AreNothingOrNeedReset) {
  bool fails = target_.slot == machine::Slot::kScratchDisk ||
               (target_.slot == machine::Slot::kConsole && target_.queue == kControlInput);
  auto before = static_cast<uint16_t>(queue().used_index());
  LayOut();
  driver_->Provoke();
  if (fails) {
    EXPECT_TRUE(driver_->Fails());
  } else {
    EXPECT_TRUE(Eventually([&] { return queue().used_index() == before + 1; }));
    EXPECT_EQ(driver_->Status(), kAllOk);
  }
  EXPECT_TRUE(driver_->Works());
}

INSTANTIATE_TEST_SUITE_P(All, EmptyBuffers,
                         testing::Combine(testing::ValuesIn(kTargets),
                                          testing::ValuesIn(kEmptyChains)),
                         NameOf<EmptyChain>);

// ---------------------------------------------------------------- buffers on the rings

struct Place {
  const char* name;
  uint64_t (*address)(const virtio::QueueConfig& queue);
};
constexpr Place kPlaces[] = {
    {"Descriptors", [](const virtio::QueueConfig& queue) { return queue.descriptors; }},
    {"AvailableRing", [](const virtio::QueueConfig& queue) { return queue.driver; }},
    {"UsedRing", [](const virtio::QueueConfig& queue) { return queue.device; }},
    {"UsedIndex", [](const virtio::QueueConfig& queue) { return queue.device + 2; }},
    {"IndirectTable", [](const virtio::QueueConfig&) { return kTables; }},
};

class BuffersOnRings : public TargetTest<Place> {
 protected:
  static constexpr uint32_t kLength = 512;

  // What a driver of the queue asks for, with its data at that place.
  std::vector<virtio::Buffer> ChainAt(uint64_t place) const {
    if (target_.slot != machine::Slot::kScratchDisk) return {{place, kLength, target_.writable}};
    return {{kBuffers, 16, false}, {place, kLength, true}, {place + kLength / 2, 1, true}};
  }
};

// What the driver reads there afterwards is its own loss: the device goes on or needs a reset, and
// nothing but the place is touched.
TEST_P(BuffersOnRings, AreTheDriversOwnLoss) {
  virtio::Put(bench_->memory(), kBuffers, Bytes(16));  // a read of the first sector
  for (bool indirect : {true, false}) {
    auto chain = ChainAt(case_.address(queue().config()));
    for (uint64_t i = 0; i < 4; ++i) {
      if (indirect)
        queue().AddIndirect(chain, kTables);
      else
        queue().Add(chain);
    }
    driver_->Provoke();
    bench_->SettleDisk();
    EXPECT_EQ(driver_->Status() & ~kNeedsReset, kAllOk);
    EXPECT_TRUE(driver_->Works());
    driver_->Start();
  }
}

INSTANTIATE_TEST_SUITE_P(All, BuffersOnRings,
                         testing::Combine(testing::ValuesIn(kTargets), testing::ValuesIn(kPlaces)),
                         NameOf<Place>);

}  // namespace
}  // namespace boxlite::hostile_test
