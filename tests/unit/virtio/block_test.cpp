#include "virtio/block.h"

#include <gtest/gtest.h>

#include <future>

#include "unit/virtio/block_driver.h"

namespace boxlite::virtio {
namespace {

constexpr uint64_t kDiskSize = 1024 * 1024;
constexpr uint64_t kSectors = kDiskSize / 512;

class BlockTest : public testing::Test {
 protected:
  void SetUp() override { Open(MakeDisk(kDiskSize + 100), false); }

  void Open(UniqueFd file, bool read_only) {
    block_.reset();
    file_ = sys::Duplicate(file.get()).TakeValue();
    block_ =
        Block::Create(*memory_, interrupt_, *pool_, {std::move(file), read_only, "boxlite-root"})
            .TakeValue();
  }
  void Start(uint64_t features = kTransportFeatures | Feature(9)) {
    block_->Activate(features, QueuesOf(*memory_, {&driver_.queue}, features));
  }
  // One request from kick to interrupt; its status.
  uint8_t Do(uint32_t type, uint64_t sector, const std::vector<Buffer>& data) {
    int seen = line_.count();
    driver_.queue.SetUsedEvent(driver_.queue.used_index());
    driver_.Request(0, type, sector, data);
    block_->Kick(0);
    line_.WaitForMoreThan(seen);
    used_ = driver_.queue.NextUsed();
    return driver_.Status(0);
  }
  uint8_t DoRange(uint32_t type, const Bytes& ranges) {
    Put(*memory_, kBuffers, ranges);
    return Do(type, 0, {{kBuffers, static_cast<uint32_t>(ranges.size()), false}});
  }
  template <typename T>
  T Config(uint64_t offset) {
    Bytes raw(sizeof(T));
    block_->ReadConfig(offset, raw);
    return LoadLe<T>(raw.data());
  }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  Line line_;
  Interrupt interrupt_{line_};
  std::unique_ptr<IoPool> pool_ = IoPool::Create(2, nullptr).TakeValue();
  UniqueFd file_;
  std::unique_ptr<Block> block_;
  BlockDriver driver_{*memory_};
  std::optional<Used> used_;
};

TEST_F(BlockTest, Config_SaysSizeAndLimits) {
  EXPECT_EQ(Config<uint64_t>(0), kSectors);
  EXPECT_EQ(Config<uint32_t>(8), BlockLimits::kMaxSegmentBytes);
  EXPECT_EQ(Config<uint32_t>(12), BlockLimits::kMaxSegments);
  EXPECT_EQ(Config<uint32_t>(20), 512u);
  EXPECT_EQ(Config<uint32_t>(36), BlockLimits::kMaxDiscardSectors);
  EXPECT_EQ(Config<uint32_t>(40), BlockLimits::kMaxDiscardRanges);
  EXPECT_EQ(Config<uint32_t>(44), 8u);
  EXPECT_EQ(Config<uint32_t>(48), BlockLimits::kMaxZeroSectors);
  EXPECT_EQ(Config<uint32_t>(52), BlockLimits::kMaxZeroRanges);
  EXPECT_EQ(Config<uint8_t>(56), 1);
  EXPECT_EQ(Config<uint64_t>(0x1000), 0u);
  block_->WriteConfig(0, Bytes(8));
  EXPECT_EQ(Config<uint64_t>(0), kSectors);
}

TEST_F(BlockTest, Limits_OfTheConfiguration_FitIntoAChain) {
  EXPECT_LE(uint64_t{BlockLimits::kMaxSegments} * BlockLimits::kMaxSegmentBytes + 17,
            Queue::kMaxChainBytes);
  EXPECT_LE(BlockLimits::kMaxSegments + 2, Block::kQueueSize);
}

TEST_F(BlockTest, OutThenIn_AcrossSegments_AreTheSame) {
  Start();
  Bytes data(4096);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 7 / 3);
  Put(*memory_, kBuffers, data);
  EXPECT_EQ(Do(kOut, 8, {{kBuffers, 1000, false}, {kBuffers + 1000, 3096, false}}), kOk);
  EXPECT_EQ(used_->written, 1u);
  EXPECT_EQ(FileBytes(file_.get(), 8 * 512, data.size()), data);
  EXPECT_EQ(Do(kIn, 8, {{kBuffers + 0x4000, 4095, true}, {kBuffers + 0x8000, 1, true}}), kOk);
  EXPECT_EQ(used_->written, 4097u);
  Bytes back = Get(*memory_, kBuffers + 0x4000, 4095);
  back.push_back(Get(*memory_, kBuffers + 0x8000, 1)[0]);
  EXPECT_EQ(back, data);
}

TEST_F(BlockTest, Request_OfManySegments_TakesSeveralCalls) {
  Start();
  std::vector<Buffer> data;
  for (uint32_t i = 0; i < 1000; ++i) data.push_back({kBuffers + 1024 * uint64_t{i}, 512, false});
  for (uint32_t i = 0; i < 1000; ++i)
    Put(*memory_, data[i].address, Bytes(512, static_cast<uint8_t>(i)));
  // One table of the driver's may be long; a slot has room for 256 descriptors, the rest follows.
  EXPECT_EQ(Do(kOut, 0, data), kOk);
  for (uint32_t i = 0; i < 1000; ++i)
    ASSERT_EQ(FileBytes(file_.get(), 512 * uint64_t{i}, 1)[0], static_cast<uint8_t>(i));
}

TEST_F(BlockTest, Header_InPieces_StatusAtTheEndOfData) {
  Start();
  Bytes header;
  AppendLe<uint32_t>(header, kIn);
  AppendLe<uint32_t>(header, 0);
  AppendLe<uint64_t>(header, 1);
  Put(*memory_, 0x10000, header);
  EXPECT_TRUE(sys::WriteAllAt(file_.get(), Bytes(512, 'z'), 512).ok());
  driver_.queue.Add({{0x10000, 1, false},
                     {0x10001, 10, false},
                     {0x1000b, 5, false},
                     {kBuffers, 500, true},
                     {kBuffers + 500, 13, true}});
  block_->Kick(0);
  line_.WaitForMoreThan(0);
  EXPECT_EQ(driver_.queue.NextUsed()->written, 513u);
  Bytes expected(512, 'z');
  expected.push_back(kOk);
  EXPECT_EQ(Get(*memory_, kBuffers, 513), expected);
}

TEST_F(BlockTest, Transfer_OutOfRangeOrOdd_IsAnError) {
  Start();
  for (uint32_t type : {kIn, kOut}) {
    bool in = type == kIn;
    EXPECT_EQ(Do(type, kSectors, {{kBuffers, 512, in}}), kIoError);
    EXPECT_EQ(used_->written, in ? 0u : 1u);
    EXPECT_EQ(Do(type, kSectors - 1, {{kBuffers, 1024, in}}), kIoError);
    EXPECT_EQ(Do(type, UINT64_MAX, {{kBuffers, 512, in}}), kIoError);
    EXPECT_EQ(Do(type, UINT64_MAX / 512 + 1, {{kBuffers, 512, in}}), kIoError);
    EXPECT_EQ(Do(type, 0, {{kBuffers, 511, in}}), kIoError);
    EXPECT_EQ(Do(type, kSectors - 1, {{kBuffers, 512, in}}), kOk);
    EXPECT_EQ(Do(type, 0, {}), kOk);
  }
  EXPECT_EQ(sys::Stat(file_.get()).value().st_size, static_cast<off_t>(kDiskSize + 100));
  EXPECT_FALSE(interrupt_.failed());
}

TEST_F(BlockTest, In_OfATruncatedFile_IsAnError) {
  Start();
  ASSERT_TRUE(sys::Truncate(file_.get(), 700).ok());
  EXPECT_EQ(Do(kIn, 0, {{kBuffers, 512, true}}), kOk);
  EXPECT_EQ(Do(kIn, 1, {{kBuffers, 512, true}}), kIoError);
  EXPECT_EQ(Do(kIn, 100, {{kBuffers, 4096, true}}), kIoError);
}

TEST_F(BlockTest, Out_HostCannotWrite_IsAnError) {
  UniqueFd file = sys::Open("/proc/self/fd/" + std::to_string(file_.get()), O_RDONLY).TakeValue();
  Open(std::move(file), false);
  Start();
  EXPECT_EQ(Do(kOut, 0, {{kBuffers, 512, false}}), kIoError);
  EXPECT_EQ(DoRange(kWriteZeroes, RangeOf(0, 1)), kIoError);
  EXPECT_EQ(DoRange(kDiscard, RangeOf(0, 1)), kIoError);
  EXPECT_EQ(Do(kIn, 0, {{kBuffers, 512, true}}), kOk);
}

TEST_F(BlockTest, ReadOnly_RefusesWhatChanges) {
  Open(MakeDisk(kDiskSize), true);
  EXPECT_NE(block_->features() & Feature(5), 0u);
  EXPECT_EQ(block_->features() & (Feature(13) | Feature(14)), 0u);
  Start();
  Put(*memory_, kBuffers, Bytes(512, 1));
  EXPECT_EQ(Do(kOut, 0, {{kBuffers, 512, false}}), kIoError);
  EXPECT_EQ(DoRange(kWriteZeroes, RangeOf(0, 1)), kIoError);
  EXPECT_EQ(DoRange(kDiscard, RangeOf(0, 1)), kIoError);
  EXPECT_EQ(Do(kFlush, 0, {}), kOk);
  EXPECT_EQ(Do(kIn, 0, {{kBuffers, 512, true}}), kOk);
  EXPECT_EQ(FileBytes(file_.get(), 0, 512), Bytes(512));
}

TEST_F(BlockTest, Flush_IsDone) {
  Start();
  EXPECT_EQ(Do(kFlush, 0, {}), kOk);
  EXPECT_EQ(used_->written, 1u);
}

TEST_F(BlockTest, Out_WithoutFlushNegotiated_IsWrittenThrough) {
  Start(kTransportFeatures);
  Put(*memory_, kBuffers, Bytes(512, 5));
  EXPECT_EQ(Do(kOut, 3, {{kBuffers, 512, false}}), kOk);
  EXPECT_EQ(FileBytes(file_.get(), 3 * 512, 512), Bytes(512, 5));
  EXPECT_EQ(DoRange(kWriteZeroes, RangeOf(3, 1)), kOk);
  EXPECT_EQ(FileBytes(file_.get(), 3 * 512, 512), Bytes(512));
}

TEST_F(BlockTest, GetId_IsPaddedWithZeros) {
  Start();
  EXPECT_EQ(Do(kGetId, 0, {{kBuffers, 20, true}}), kOk);
  EXPECT_EQ(used_->written, 21u);
  Bytes id = Get(*memory_, kBuffers, 20);
  EXPECT_EQ(AsText(id), std::string("boxlite-root") + std::string(8, '\0'));
  EXPECT_EQ(Do(kGetId, 0, {{kBuffers, 4, true}}), kIoError);
}

TEST_F(BlockTest, UnknownType_IsUnsupported) {
  Start();
  for (uint32_t type : {2u, 3u, 7u, 14u, 0xffffffffu})
    EXPECT_EQ(Do(type, 0, {{kBuffers, 512, true}}), kUnsupported) << type;
  EXPECT_EQ(used_->written, 0u);
}

TEST_F(BlockTest, Discard_GivesSpaceBack) {
  Start();
  ASSERT_TRUE(sys::WriteAllAt(file_.get(), Bytes(kDiskSize, 1), 0).ok());
  auto before = sys::Stat(file_.get()).value().st_blocks;
  EXPECT_EQ(DoRange(kDiscard, RangeOf(8, 8)), kOk);
  EXPECT_EQ(DoRange(kDiscard, RangeOf(64, 800)), kOk);
  EXPECT_LT(sys::Stat(file_.get()).value().st_blocks, before);
  EXPECT_EQ(FileBytes(file_.get(), 8 * 512, 8 * 512), Bytes(8 * 512));
  EXPECT_EQ(FileBytes(file_.get(), 16 * 512, 512), Bytes(512, 1));
  EXPECT_EQ(FileBytes(file_.get(), 64 * 512, 800 * 512), Bytes(800 * 512));
}

// A reset waits for what has begun, so that one request must not be without end.
TEST_F(BlockTest, TwoRangesInOneDiscard_AreUnsupported) {
  Start();
  Bytes ranges = RangeOf(8, 8);
  Bytes second = RangeOf(64, 800);
  ranges.insert(ranges.end(), second.begin(), second.end());
  EXPECT_NE(DoRange(kDiscard, ranges), kOk);
}

TEST_F(BlockTest, WriteZeroes_WithAndWithoutUnmap_ReadsAsZeros) {
  // One file system that has neither of the fast ways for all, and the one that tests are on.
  UniqueFd on_disk = sys::Open("/var/tmp", O_TMPFILE | O_RDWR, 0600).TakeValue();
  ASSERT_TRUE(sys::Truncate(on_disk.get(), kDiskSize).ok());
  UniqueFd files[] = {MakeDisk(kDiskSize), std::move(on_disk)};
  for (UniqueFd& file : files) {
    Open(std::move(file), false);
    driver_ = BlockDriver(*memory_);
    Put(*memory_, 0x1000, Bytes(0x4000));
    Start();
    ASSERT_TRUE(sys::WriteAllAt(file_.get(), Bytes(kDiskSize, 1), 0).ok());
    EXPECT_EQ(DoRange(kWriteZeroes, RangeOf(10, 1000)), kOk);
    EXPECT_EQ(DoRange(kWriteZeroes, RangeOf(1200, 300, 1)), kOk);
    EXPECT_EQ(FileBytes(file_.get(), 9 * 512, 512), Bytes(512, 1));
    EXPECT_EQ(FileBytes(file_.get(), 10 * 512, 1000 * 512), Bytes(1000 * 512));
    EXPECT_EQ(FileBytes(file_.get(), 1010 * 512, 512), Bytes(512, 1));
    EXPECT_EQ(FileBytes(file_.get(), 1200 * 512, 300 * 512), Bytes(300 * 512));
    EXPECT_EQ(FileBytes(file_.get(), 1500 * 512, 512), Bytes(512, 1));
  }
}

TEST_F(BlockTest, Ranges_ThatAreNonsense_ChangeNothing) {
  Start();
  ASSERT_TRUE(sys::WriteAllAt(file_.get(), Bytes(kDiskSize, 1), 0).ok());
  for (uint32_t type : {kDiscard, kWriteZeroes}) {
    EXPECT_EQ(DoRange(type, {}), kIoError);
    EXPECT_EQ(DoRange(type, Bytes(15)), kIoError);
    EXPECT_EQ(DoRange(type, Bytes(16 * (BlockLimits::kMaxDiscardRanges + 1))), kIoError);
    EXPECT_EQ(DoRange(type, RangeOf(kSectors, 1)), kIoError);
    EXPECT_EQ(DoRange(type, RangeOf(UINT64_MAX, 2)), kIoError);
    EXPECT_EQ(DoRange(type, RangeOf(0, UINT32_MAX)), kIoError);
    EXPECT_EQ(DoRange(type, RangeOf(0, 1, 2)), kUnsupported);
    EXPECT_EQ(DoRange(type, RangeOf(5, 0)), kOk);
  }
  EXPECT_EQ(DoRange(kDiscard, RangeOf(0, 1, 1)), kUnsupported);
  Bytes good_then_bad = RangeOf(0, 8);
  Bytes bad = RangeOf(kSectors, 8);
  good_then_bad.insert(good_then_bad.end(), bad.begin(), bad.end());
  EXPECT_EQ(DoRange(kDiscard, good_then_bad), kIoError);
  EXPECT_EQ(FileBytes(file_.get(), 0, kDiskSize), Bytes(kDiskSize, 1));
}

TEST_F(BlockTest, Request_WithoutHeaderOrStatus_NeedsReset) {
  for (const std::vector<Buffer>& chain :
       {std::vector<Buffer>{{kBuffers, 15, false}, {kBuffers, 1, true}},
        std::vector<Buffer>{{kBuffers, 16, false}}, std::vector<Buffer>{{kBuffers, 512, true}},
        std::vector<Buffer>{{kBuffers, 0, true}}}) {
    Put(*memory_, 0x1000, Bytes(0x4000));
    driver_ = BlockDriver(*memory_);
    Start();
    driver_.queue.Add(chain);
    block_->Kick(0);
    EXPECT_TRUE(interrupt_.failed());
    EXPECT_EQ(driver_.queue.used_index(), 0);
    block_->Reset();
    interrupt_.Clear();
  }
}

TEST_F(BlockTest, Kick_OfNoQueueOrInactive_IsNothing) {
  driver_.Request(0, kFlush, 0, {});
  block_->Kick(0);
  Start();
  block_->Kick(1);
  block_->Kick(SIZE_MAX);
  block_->Reset();
  block_->Kick(0);
  EXPECT_EQ(driver_.queue.used_index(), 0);
  EXPECT_EQ(driver_.Status(0), kUntouched);
}

TEST_F(BlockTest, Create_NotARegularFile_IsRefused) {
  auto pipe = sys::Pipe().TakeValue();
  auto block = Block::Create(*memory_, interrupt_, *pool_, {std::move(pipe.first), false, "x"});
  EXPECT_FALSE(block.ok());
  EXPECT_EQ(block.error().code(), Code::kInvalidArgument);
}

TEST_F(BlockTest, Kick_AfterThePoolHasStopped_NeedsReset) {
  Start();
  pool_->Stop();
  driver_.Request(0, kFlush, 0, {});
  block_->Kick(0);
  EXPECT_TRUE(interrupt_.failed());
  block_->Reset();
}

TEST_F(BlockTest, SaveAndRestore_BetweenRequests_GoesOn) {
  Start();
  Put(*memory_, kBuffers, Bytes(512, 9));
  EXPECT_EQ(Do(kOut, 1, {{kBuffers, 512, false}}), kOk);
  BlockState state = block_->Save();
  driver_.queue.SetUsedEvent(1);
  driver_.Request(1, kIn, 1, {{kBuffers + 4096, 512, true}});  // whose kick gets lost
  Open(sys::Duplicate(file_.get()).TakeValue(), false);
  ASSERT_TRUE(block_->Restore(state).ok());
  int seen = line_.count();
  block_->Kick(0);
  line_.WaitForMoreThan(seen);
  EXPECT_EQ(driver_.Status(1), kOk);
  EXPECT_EQ(Get(*memory_, kBuffers + 4096, 512), Bytes(512, 9));
}

TEST_F(BlockTest, Failed_WithRequestsWaiting_TheyAreNotBegun) {
  std::promise<void> go;
  auto pool = IoPool::Create(1, nullptr).TakeValue();
  auto block =
      Block::Create(*memory_, interrupt_, *pool, {MakeDisk(kDiskSize), false, "x"}).TakeValue();
  pool->Reserve(1);
  ASSERT_TRUE(pool->Submit([&go] { go.get_future().wait(); }));
  block->Activate(kTransportFeatures, QueuesOf(*memory_, {&driver_.queue}, kTransportFeatures));
  driver_.Request(0, kIn, 0, {{kBuffers, 512, true}});
  block->Kick(0);
  driver_.queue.SetAvailableIndex(0x4000);
  block->Kick(0);
  EXPECT_TRUE(interrupt_.failed());
  go.set_value();
  block->Reset();
  EXPECT_EQ(driver_.Status(0), kUntouched);
  EXPECT_EQ(driver_.queue.used_index(), 0);
}

}  // namespace
}  // namespace boxlite::virtio
