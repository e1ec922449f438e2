#include "base/byte_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace boxlite {
namespace {

TEST(ByteQueue, Bytes_ComeOutInTheirOrder) {
  ByteQueue queue;
  queue.Append(AsBytes("one "));
  queue.Append(AsBytes("two"));
  queue.Consume(4);
  queue.Append(AsBytes(" three"));
  EXPECT_EQ(AsText(queue.waiting()), "two three");
  EXPECT_EQ(queue.size(), 9u);
}

TEST(ByteQueue, NeverEmptyForLong_MemoryFollowsWhatWaits) {
  constexpr size_t kPiece = 1000;
  ByteQueue queue;
  Bytes piece(kPiece);
  queue.Append(piece);
  for (int i = 0; i < 10'000; ++i) {
    piece.assign(kPiece, static_cast<uint8_t>(i));
    queue.Append(piece);
    queue.Consume(kPiece);
    ASSERT_EQ(queue.size(), kPiece);
    ASSERT_EQ(queue.waiting().front(), static_cast<uint8_t>(i));
  }
  EXPECT_LE(queue.capacity(), 8 * kPiece);
}

TEST(ByteQueue, Released_HoldsNoMemory) {
  ByteQueue queue;
  queue.Append(Bytes(100'000));
  queue.Release();
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.capacity(), 0u);
}

}  // namespace
}  // namespace boxlite
