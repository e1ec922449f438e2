#include "virtio/queue.h"

#include <gtest/gtest.h>

#include "unit/virtio/driver.h"

namespace boxlite::virtio {
namespace {

constexpr uint16_t kSize = 8;

class QueueTest : public testing::Test {
 protected:
  Queue Make(uint64_t features = kTransportFeatures) {
    return Queue::Create(*memory_, driver_.config(), kSize, features).TakeValue();
  }
  // The next chain, which must be there.
  static Chain Take(Queue& queue) {
    auto popped = queue.Pop();
    EXPECT_TRUE(popped.ok() && popped.value());
    return std::move(*popped.value());
  }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  DriverQueue driver_{*memory_, 0x1000, kSize};
};

TEST_F(QueueTest, Pop_EmptyRing_GivesNothing) {
  Queue queue = Make();
  auto popped = queue.Pop();
  ASSERT_TRUE(popped.ok());
  EXPECT_FALSE(popped.value());
}

TEST_F(QueueTest, Pop_Chain_IsFlatWithReadableFirst) {
  Queue queue = Make();
  uint16_t head = driver_.Add(
      {{kBuffers, 16, false}, {kBuffers + 64, 100, false}, {kBuffers + 4096, 512, true}});
  Chain chain = Take(queue);
  EXPECT_EQ(chain.head, head);
  ASSERT_EQ(chain.segments.size(), 3u);
  EXPECT_EQ(chain.readable().size(), 2u);
  EXPECT_EQ(chain.writable().size(), 1u);
  EXPECT_EQ(chain.readable_bytes, 116u);
  EXPECT_EQ(chain.writable_bytes, 512u);
  EXPECT_EQ(chain.segments[1].address, kBuffers + 64);
  EXPECT_EQ(chain.segments[2].length, 512u);
}

TEST_F(QueueTest, Pop_IndirectTable_IsFollowed) {
  Queue queue = Make();
  driver_.AddIndirect({{kBuffers, 16, false}, {kBuffers + 64, 1, true}}, kBuffers + 0x8000);
  Chain chain = Take(queue);
  EXPECT_EQ(chain.readable_bytes, 16u);
  EXPECT_EQ(chain.writable_bytes, 1u);
}

TEST_F(QueueTest, Pop_IndirectAfterPlainDescriptors_IsFollowed) {
  Queue queue = Make();
  driver_.WriteDescriptor(kBuffers + 0x8000, kBuffers + 64, 32, kWritable, 0);
  driver_.SetDescriptor(0, kBuffers, 16, kNext, 1);
  // The writable flag of an indirect descriptor means nothing.
  driver_.SetDescriptor(1, kBuffers + 0x8000, 16, kIndirect | kWritable);
  driver_.MakeAvailable(0);
  Chain chain = Take(queue);
  EXPECT_EQ(chain.readable_bytes, 16u);
  EXPECT_EQ(chain.writable_bytes, 32u);
}

TEST_F(QueueTest, Pop_IndirectTableLongerThanRing_IsFollowed) {
  Queue queue = Make();
  std::vector<Buffer> buffers(Queue::kMaxChainLength, {kBuffers, 1, false});
  driver_.AddIndirect(buffers, kBuffers + 0x8000);
  EXPECT_EQ(Take(queue).segments.size(), Queue::kMaxChainLength);
}

TEST_F(QueueTest, Pop_EmptyBuffers_AreLeftOut) {
  Queue queue = Make();
  driver_.Add({{kBuffers, 0, false}, {UINT64_MAX, 0, true}, {kBuffers, 8, false}});
  Chain chain = Take(queue);
  EXPECT_EQ(chain.segments.size(), 1u);
  EXPECT_EQ(chain.readable_bytes, 8u);
}

TEST_F(QueueTest, Push_AnyOrder_IsToldInThatOrder) {
  Queue queue = Make();
  driver_.Add({{kBuffers, 4, true}});
  driver_.Add({{kBuffers, 4, true}});
  Chain first = Take(queue);
  Chain second = Take(queue);
  queue.Push(second.head, 4);
  queue.Push(first.head, 2);
  auto used = driver_.NextUsed();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->head, second.head);
  EXPECT_EQ(used->written, 4u);
  used = driver_.NextUsed();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->head, first.head);
  EXPECT_EQ(used->written, 2u);
  EXPECT_FALSE(driver_.NextUsed());
}

TEST_F(QueueTest, Indices_WrapAround_NothingIsLost) {
  Queue queue = Make();
  for (uint32_t i = 0; i < 70'000; ++i) {
    uint16_t head = driver_.Add({{kBuffers, 4, true}});
    Chain chain = Take(queue);
    ASSERT_EQ(chain.head, head);
    queue.Push(chain.head, i);
    auto used = driver_.NextUsed();
    ASSERT_TRUE(used);
    ASSERT_EQ(used->written, i);
  }
  EXPECT_EQ(queue.in_flight(), 0);
  EXPECT_EQ(driver_.free_descriptors(), kSize);
}

TEST_F(QueueTest, EnableKicks_ChainCameBefore_SaysSo) {
  for (uint64_t features : {kVersion1, kTransportFeatures}) {
    DriverQueue driver(*memory_, 0x3000, kSize);
    EXPECT_TRUE(memory_->Write(0x3000, Bytes(4096)));
    Queue queue = Queue::Create(*memory_, driver.config(), kSize, features).TakeValue();
    EXPECT_FALSE(queue.EnableKicks());
    driver.Add({{kBuffers, 4, true}});
    EXPECT_TRUE(queue.EnableKicks());
    static_cast<void>(Take(queue));
    EXPECT_FALSE(queue.EnableKicks());
  }
}

TEST_F(QueueTest, Kicks_WithEventIndex_AskedForOnceEnabled) {
  Queue queue = Make();
  ASSERT_FALSE(queue.EnableKicks());
  driver_.Add({{kBuffers, 4, true}});
  EXPECT_TRUE(driver_.WantsKick(0));
  driver_.Add({{kBuffers, 4, true}});
  EXPECT_FALSE(driver_.WantsKick(1));
  static_cast<void>(Take(queue));
  static_cast<void>(Take(queue));
  ASSERT_FALSE(queue.EnableKicks());
  driver_.Add({{kBuffers, 4, true}});
  EXPECT_TRUE(driver_.WantsKick(2));
}

TEST_F(QueueTest, Kicks_WithoutEventIndex_AreAFlag) {
  Queue queue = Make(kVersion1);
  queue.DisableKicks();
  EXPECT_TRUE(driver_.KicksDisabled());
  ASSERT_FALSE(queue.EnableKicks());
  EXPECT_FALSE(driver_.KicksDisabled());
}

TEST_F(QueueTest, NeedsInterrupt_WithEventIndex_OncePerEvent) {
  Queue queue = Make();
  for (int i = 0; i < 4; ++i) driver_.Add({{kBuffers, 4, true}});
  driver_.SetUsedEvent(1);  // when the second one is used
  EXPECT_FALSE(queue.NeedsInterrupt());
  queue.Push(Take(queue).head, 0);
  EXPECT_FALSE(queue.NeedsInterrupt());
  queue.Push(Take(queue).head, 0);
  EXPECT_TRUE(queue.NeedsInterrupt());
  EXPECT_FALSE(queue.NeedsInterrupt());
  queue.Push(Take(queue).head, 0);
  EXPECT_FALSE(queue.NeedsInterrupt());
  driver_.SetUsedEvent(3);
  queue.Push(Take(queue).head, 0);
  EXPECT_TRUE(queue.NeedsInterrupt());
}

TEST_F(QueueTest, NeedsInterrupt_EventInTheMiddleOfABatch_IsOne) {
  Queue queue = Make();
  for (int i = 0; i < 4; ++i) driver_.Add({{kBuffers, 4, true}});
  driver_.SetUsedEvent(2);
  for (int i = 0; i < 4; ++i) queue.Push(Take(queue).head, 0);
  EXPECT_TRUE(queue.NeedsInterrupt());
  EXPECT_FALSE(queue.NeedsInterrupt());
}

TEST_F(QueueTest, NeedsInterrupt_WithoutEventIndex_FollowsTheFlag) {
  Queue queue = Make(kVersion1);
  driver_.Add({{kBuffers, 4, true}});
  driver_.Add({{kBuffers, 4, true}});
  queue.Push(Take(queue).head, 0);
  EXPECT_TRUE(queue.NeedsInterrupt());
  driver_.DisableInterrupts();
  queue.Push(Take(queue).head, 0);
  EXPECT_FALSE(queue.NeedsInterrupt());
}

TEST_F(QueueTest, Save_UnfinishedChain_ComesAgain) {
  Queue queue = Make();
  driver_.Add({{kBuffers, 4, true}});
  queue.Push(Take(queue).head, 0);
  uint16_t head = driver_.Add({{kBuffers, 5, false}});
  static_cast<void>(Take(queue));
  auto restored = Queue::Restore(*memory_, queue.Save(1), kSize);
  ASSERT_TRUE(restored.ok());
  Chain again = Take(restored.value());
  EXPECT_EQ(again.head, head);
  EXPECT_EQ(again.readable_bytes, 5u);
  restored.value().Push(again.head, 0);
  EXPECT_EQ(driver_.used_index(), 2);
}

TEST(Slice, AcrossSegments_CutsBothEnds) {
  std::vector<Segment> segments = {{100, 10, false}, {200, 10, false}, {300, 10, false}};
  auto slice = Slice(segments, 12, 10);
  ASSERT_EQ(slice.size(), 2u);
  EXPECT_EQ(slice[0].address, 202u);
  EXPECT_EQ(slice[0].length, 8u);
  EXPECT_EQ(slice[1].address, 300u);
  EXPECT_EQ(slice[1].length, 2u);
  EXPECT_TRUE(Slice(segments, 30, 5).empty());
}

TEST(Copy, AcrossSegments_KeepsOrder) {
  auto memory = MakeMemory();
  std::vector<Segment> segments = {{100, 3, true}, {200, 4, true}};
  EXPECT_EQ(CopyTo(*memory, segments, AsBytes("abcdefghij")), 7u);
  Bytes into(16);
  EXPECT_EQ(CopyFrom(*memory, segments, 2, into), 5u);
  EXPECT_EQ(AsText(ByteSpan(into).first(5)), "cdefg");
  EXPECT_EQ(CopyFrom(*memory, segments, 7, into), 0u);
  EXPECT_EQ(CopyFrom(*memory, segments, UINT64_MAX, into), 0u);
}

}  // namespace
}  // namespace boxlite::virtio
