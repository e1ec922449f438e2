#include "virtio/rng.h"

#include <gtest/gtest.h>

#include "unit/virtio/driver.h"

namespace boxlite::virtio {
namespace {

class RngTest : public testing::Test {
 protected:
  void Start() {
    rng_.Activate(kTransportFeatures, QueuesOf(*memory_, {&driver_}, kTransportFeatures));
  }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  Line line_;
  Interrupt interrupt_{line_};
  Rng rng_{*memory_, interrupt_};
  DriverQueue driver_{*memory_, 0x1000, Rng::kQueueSize};
};

TEST_F(RngTest, Kick_FillsWhatIsWritable) {
  Start();
  driver_.Add({{kBuffers, 64, true}, {kBuffers + 4096, 64, true}});
  rng_.Kick(0);
  auto used = driver_.NextUsed();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->written, 128u);
  EXPECT_NE(Get(*memory_, kBuffers, 64), Bytes(64));
  EXPECT_NE(Get(*memory_, kBuffers + 4096, 64), Get(*memory_, kBuffers, 64));
  EXPECT_EQ(Get(*memory_, kBuffers + 64, 64), Bytes(64));
  EXPECT_EQ(line_.count(), 1);
}

TEST_F(RngTest, Kick_HugeBuffer_IsFilledUpToTheBound) {
  Start();
  driver_.Add({{kBuffers, 100, true}, {kBuffers + 4096, 1024 * 1024, true}});
  rng_.Kick(0);
  auto used = driver_.NextUsed();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->written, Rng::kMaxBytes);
  EXPECT_EQ(Get(*memory_, kBuffers + 4096 + Rng::kMaxBytes - 100, 64), Bytes(64));
}

TEST_F(RngTest, Kick_ReadableBuffer_IsNotTouched) {
  Start();
  driver_.Add({{kBuffers, 64, false}});
  rng_.Kick(0);
  auto used = driver_.NextUsed();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->written, 0u);
  EXPECT_EQ(Get(*memory_, kBuffers, 64), Bytes(64));
}

TEST_F(RngTest, Kick_OfNoQueueOrInactive_IsNothing) {
  driver_.Add({{kBuffers, 64, true}});
  rng_.Kick(0);
  Start();
  rng_.Kick(1);
  rng_.Kick(SIZE_MAX);
  EXPECT_FALSE(driver_.NextUsed());
  rng_.Reset();
  rng_.Kick(0);
  EXPECT_FALSE(driver_.NextUsed());
  EXPECT_EQ(line_.count(), 0);
}

TEST_F(RngTest, BrokenRing_NeedsReset) {
  Start();
  driver_.Add({{kMemorySize, 64, true}});
  rng_.Kick(0);
  EXPECT_TRUE(interrupt_.failed());
  EXPECT_EQ(interrupt_.status(), Interrupt::kConfigChange);
  EXPECT_EQ(driver_.used_index(), 0);
}

TEST_F(RngTest, SaveAndRestore_BetweenRequests_GoesOn) {
  Start();
  driver_.Add({{kBuffers, 64, true}});
  rng_.Kick(0);
  driver_.Add({{kBuffers, 32, true}});  // whose kick gets lost
  RngState state = rng_.Save();
  rng_.Reset();
  Rng rng(*memory_, interrupt_);
  ASSERT_TRUE(rng.Restore(state).ok());
  rng.Kick(0);
  EXPECT_EQ(driver_.NextUsed()->written, 64u);
  auto used = driver_.NextUsed();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->written, 32u);
}

}  // namespace
}  // namespace boxlite::virtio
