// Resets of a disk with requests truly in flight. What a reset has to keep to: once the driver sees
// it done, the rings, the buffers and the disk are the driver's again and nobody else's, whatever
// the requests of the life before were about to do (virtio 1.2, section 2.4.1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/sys.h"
#include "hostile/bench.h"
#include "hostile/held_disk.h"
#include "virtio/block_request.h"

namespace boxlite::hostile_test {
namespace {

using virtio::BlockOperation;

constexpr uint8_t kUntouched = 0xee, kMark = 0x5a;
constexpr size_t kSectorSize = 512;

// Requests of the same kind; each has a header, a range and a status of its own.
class Requests {
 public:
  Requests(Bench& bench, Driver& driver, BlockOperation operation)
      : bench_(bench), driver_(driver), operation_(operation) {}

  void Add(uint64_t slot, uint64_t sector, uint64_t buffer, uint32_t length) {
    auto sectors = static_cast<uint32_t>(length / kSectorSize);
    bool frees =
        operation_ == BlockOperation::kDiscard || operation_ == BlockOperation::kWriteZeroes;
    bool reads = operation_ == BlockOperation::kIn;
    Bytes header, range;
    AppendLe<uint64_t>(header, static_cast<uint32_t>(operation_));
    AppendLe<uint64_t>(header, sector);
    AppendLe<uint64_t>(range, sector);
    AppendLe<uint64_t>(range, sectors);  // and no flags
    virtio::Put(bench_.memory(), HeaderAt(slot), header);
    virtio::Put(bench_.memory(), RangeAt(slot), range);
    virtio::Put(bench_.memory(), StatusAt(slot), Bytes{kUntouched});
    virtio::Buffer data =
        frees ? virtio::Buffer{RangeAt(slot), 16, false} : virtio::Buffer{buffer, length, reads};
    driver_.queue().AddIndirect({{HeaderAt(slot), 16, false}, data, {StatusAt(slot), 1, true}},
                                kTables + 64 * slot);
    count_ = std::max(count_, slot + 1);
  }
  Bytes Statuses() const {
    Bytes statuses;
    for (uint64_t slot = 0; slot < count_; ++slot)
      statuses.push_back(virtio::Get(bench_.memory(), StatusAt(slot), 1)[0]);
    return statuses;
  }
  // That were done to their end, whether the driver was told or not.
  size_t Done() const {
    Bytes statuses = Statuses();
    return static_cast<size_t>(
        std::count_if(statuses.begin(), statuses.end(), [](uint8_t s) { return s != kUntouched; }));
  }

 private:
  static uint64_t HeaderAt(uint64_t slot) { return kBuffers + 64 * slot; }
  static uint64_t RangeAt(uint64_t slot) { return HeaderAt(slot) + 16; }
  static uint64_t StatusAt(uint64_t slot) { return HeaderAt(slot) + 32; }

  Bench& bench_;
  Driver& driver_;
  const BlockOperation operation_;
  uint64_t count_ = 0;
};

// ---------------------------------------------------------------- a disk in memory, long requests

constexpr uint32_t kLong = 16 * kMib;
constexpr uint64_t kParts = 3;  // of the disk, and of memory
constexpr uint64_t kLongBuffers = 32 * kMib;
constexpr uint64_t kAtOnce = 32;
constexpr int kRounds = 4;

Bytes Marks() {
  return Bytes(kSectorSize, kMark);
}

class HostileReset : public testing::TestWithParam<BlockOperation> {
 protected:
  void SetUp() override {
    UniqueFd disk = sys::MemoryFile("disk", content_).TakeValue();
    auto created = Bench::Create(std::move(disk));
    ASSERT_TRUE(created.ok()) << created.error().message();
    bench_ = created.TakeValue();
    driver_.emplace(*bench_, kDiskTarget);
  }
  void TearDown() override { EXPECT_EQ(bench_->machine().Trespass(), std::nullopt); }

  // The last of a long request's sectors, which it comes to after everybody else does.
  static uint64_t LastOf(uint64_t part) { return (part + 1) * kLong - kSectorSize; }
  Bytes OnDisk(uint64_t part) const {
    Bytes bytes(kSectorSize);
    EXPECT_TRUE(sys::ReadAt(bench_->disk(), bytes.data(), bytes.size(), LastOf(part)).ok());
    return bytes;
  }
  Bytes InMemory(uint64_t part) const {
    return virtio::Get(bench_->memory(), kLongBuffers + LastOf(part), kSectorSize);
  }
  bool frees() const {
    return GetParam() == BlockOperation::kDiscard || GetParam() == BlockOperation::kWriteZeroes;
  }
  // What the driver does with its own once the device is reset.
  void MarkAll() {
    for (uint64_t part = 0; part < kParts; ++part) {
      virtio::Put(bench_->memory(), kLongBuffers + LastOf(part), Marks());
      bool put = !frees() || sys::WriteAllAt(bench_->disk(), Marks(), LastOf(part)).ok();
      EXPECT_TRUE(put);
    }
  }
  void ExpectMarked() {
    for (uint64_t part = 0; part < kParts; ++part) {
      EXPECT_EQ(InMemory(part), Marks());
      EXPECT_EQ(OnDisk(part) == Marks(), frees()) << "part " << part;
    }
  }
  // Clears what MarkAll left, in memory, so that a write does not bring it to the disk.
  void UnmarkMemory() {
    for (uint64_t part = 0; part < kParts; ++part)
      virtio::Put(bench_->memory(), kLongBuffers + LastOf(part), Bytes(kSectorSize, 2));
  }
  // What a discard has freed is there again, else the next one has nothing to do and is short.
  void FillDisk() { EXPECT_TRUE(sys::WriteAllAt(bench_->disk(), content_, 0).ok()); }
  // One life of the device, whose end comes while it is at work. Whether something was in flight.
  bool LiveAndReset();

  const Bytes content_ = Bytes(kParts * kLong, 1);
  std::unique_ptr<Bench> bench_;
  std::optional<Driver> driver_;
};

bool HostileReset::LiveAndReset() {
  UnmarkMemory();
  FillDisk();
  driver_->Start();
  Requests requests(*bench_, *driver_, GetParam());
  // A short one, which says that the device is at work; the long ones follow.
  requests.Add(0, 0, kLongBuffers, kSectorSize);
  for (uint64_t slot = 1; slot < kAtOnce; ++slot) {
    uint64_t start = slot % kParts * kLong;
    requests.Add(slot, start / kSectorSize, kLongBuffers + start, kLong);
  }
  driver_->Kick(0);
  EXPECT_TRUE(Eventually([this] { return driver_->queue().used_index() > 0; }));
  driver_->registers().Write(kStatus, 0);
  MarkAll();
  Bytes statuses = requests.Statuses();
  Bytes rings = virtio::Get(bench_->memory(), kRings, kRingSpace);
  bench_->SettleDisk();
  EXPECT_EQ(requests.Statuses(), statuses);
  EXPECT_EQ(virtio::Get(bench_->memory(), kRings, kRingSpace), rings);
  ExpectMarked();
  EXPECT_EQ(driver_->Status(), 0u);
  EXPECT_EQ(driver_->registers().Read(kInterruptStatus), 0u);
  return requests.Done() > driver_->queue().used_index();
}

// A host that was busy elsewhere may have left nothing in flight; then that round says nothing.
TEST_P(HostileReset, WithLongRequestsInFlight_TouchesNothingAfterwards) {
  constexpr int kMaxRounds = 100 * kRounds;
  int in_flight = 0;
  for (int round = 0; round < kMaxRounds && in_flight < kRounds && !HasFailure(); ++round)
    in_flight += LiveAndReset() ? 1 : 0;
  EXPECT_EQ(in_flight, kRounds);
  EXPECT_TRUE(driver_->Works());
}

std::string NameOf(const testing::TestParamInfo<BlockOperation>& info) {
  switch (info.param) {
    case BlockOperation::kIn:
      return "Read";
    case BlockOperation::kOut:
      return "Write";
    case BlockOperation::kDiscard:
      return "Discard";
    default:
      return "WriteZeroes";
  }
}

INSTANTIATE_TEST_SUITE_P(All, HostileReset,
                         testing::Values(BlockOperation::kIn, BlockOperation::kOut,
                                         BlockOperation::kDiscard, BlockOperation::kWriteZeroes),
                         NameOf);

// ---------------------------------------------------------------- a disk that does not answer

constexpr uint32_t kShort = 4096;
constexpr uint64_t kShortBuffers = kBuffers + 0x10000;
constexpr size_t kMostBegun = 2;  // one for each of the disk's threads

class HeldReset : public testing::TestWithParam<BlockOperation> {
 protected:
  void SetUp() override {
    auto held = HeldDisk::Create(Bytes(kMib, 1));
    ASSERT_TRUE(held.ok()) << held.error().message();
    held_ = held.TakeValue();
    auto created = Bench::Create(sys::Open(held_->path(), O_RDWR).TakeValue());
    ASSERT_TRUE(created.ok()) << created.error().message();
    bench_ = created.TakeValue();
    driver_.emplace(*bench_, kDiskTarget);
  }
  void TearDown() override {
    held_->LetGo();
    EXPECT_EQ(bench_->machine().Trespass(), std::nullopt);
  }

  std::unique_ptr<HeldDisk> held_;
  std::unique_ptr<Bench> bench_;
  std::optional<Driver> driver_;
};

// The vCPU that resets waits, and nobody else does: another device serves the other vCPU.
TEST_P(HeldReset, WhileTheHostsDiskHangs_WaitsAlone) {
  driver_->Start();
  held_->Hold();
  Requests requests(*bench_, *driver_, GetParam());
  constexpr uint64_t kRequests = 8;
  for (uint64_t slot = 0; slot < kRequests; ++slot)
    requests.Add(slot, slot * 256, kShortBuffers + slot * kShort, kShort);
  driver_->Kick(0);
  ASSERT_TRUE(Eventually([this] { return held_->held() > 0; }));
  uint64_t status = driver_->guest().base() + kStatus;
  bench_->machine().Begin({{Op::kWrite32, 0, status, 0, 0}});
  EXPECT_FALSE(bench_->machine().IsBack(std::chrono::milliseconds(500)));
  Driver other(*bench_, kRngTarget, 1);
  EXPECT_TRUE(other.Works());
  EXPECT_EQ(requests.Done(), 0u);
  held_->LetGo();
  bench_->machine().Finish();
  EXPECT_GE(requests.Done(), 1u);
  EXPECT_LE(requests.Done(), kMostBegun);
  EXPECT_EQ(driver_->queue().used_index(), 0);
  EXPECT_TRUE(driver_->Works());
}

INSTANTIATE_TEST_SUITE_P(All, HeldReset, testing::Values(BlockOperation::kIn, BlockOperation::kOut),
                         NameOf);

}  // namespace
}  // namespace boxlite::hostile_test
