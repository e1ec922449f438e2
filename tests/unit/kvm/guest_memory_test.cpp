#include "kvm/guest_memory.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <thread>

#include "base/sys.h"
#include "kvm/layout.h"
#include "unit/kvm/mappings.h"

namespace boxlite::kvm {
namespace {

constexpr uint64_t kMib = 1024 * 1024;
constexpr uint64_t kGib = 1024 * kMib;
constexpr uint64_t kSmall = 2 * kMib;
constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();

std::unique_ptr<GuestMemory> Make(uint64_t size) {
  return GuestMemory::Create(size).TakeValue();
}

Bytes Get(const GuestMemory& memory, uint64_t address, size_t size) {
  Bytes bytes(size);
  EXPECT_TRUE(memory.Read(address, bytes));
  return bytes;
}

std::vector<uint64_t> AddressesAndSizes(const GuestMemory& memory) {
  std::vector<uint64_t> numbers;
  for (const auto& region : memory.regions()) {
    numbers.push_back(region.address);
    numbers.push_back(region.size);
  }
  return numbers;
}

// ---------------------------------------------------------------- regions

TEST(GuestMemoryCreate, SizesThatAreNoMultipleOf2Mib_AreRefused) {
  for (uint64_t size : {uint64_t{0}, kPageSize, kSmall - 1, kSmall + kPageSize, kLast})
    EXPECT_EQ(GuestMemory::Create(size).error().code(), Code::kInvalidArgument) << size;
}

TEST(GuestMemoryCreate, MoreThanAnAddressSpace_IsAnError) {
  for (uint64_t size : {uint64_t{1} << 63, kLast - kSmall + 1, kLast - 2 * kSmall + 1})
    EXPECT_FALSE(GuestMemory::Create(size).ok()) << size;
}

TEST(GuestMemoryCreate, BelowTheGap_HasOneRegion) {
  auto memory = Make(3 * kGib - kSmall);
  EXPECT_EQ(memory->size(), 3 * kGib - kSmall);
  EXPECT_EQ(AddressesAndSizes(*memory), (std::vector<uint64_t>{0, 3 * kGib - kSmall}));
}

TEST(GuestMemoryCreate, UpToTheGap_HasOneRegion) {
  EXPECT_EQ(AddressesAndSizes(*Make(3 * kGib)), (std::vector<uint64_t>{0, 3 * kGib}));
}

TEST(GuestMemoryCreate, PastTheGap_HasTheRestAbove4Gib) {
  auto memory = Make(3 * kGib + kSmall);
  EXPECT_EQ(memory->size(), 3 * kGib + kSmall);
  EXPECT_EQ(AddressesAndSizes(*memory), (std::vector<uint64_t>{0, 3 * kGib, 4 * kGib, kSmall}));
}

// Large pages of the host's can hold it only there.
TEST(GuestMemoryCreate, EveryRegion_BeginsAtALargePage) {
  auto memory = Make(3 * kGib + kSmall);
  for (uint64_t address : {uint64_t{0}, 4 * kGib})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->Vector(address, 1)->iov_base) % kSmall, 0u);
}

TEST(GuestMemoryCreate, UntouchedMemory_CostsNothing) {
  auto memory = Make(4 * kGib);
  const auto* start = static_cast<const uint8_t*>(memory->Vector(0, 1)->iov_base);
  EXPECT_EQ(MappingsAt(start, 4 * kGib).resident, 0u);
  ASSERT_TRUE(memory->Store<uint8_t>(4 * kGib, 1));
  uint64_t resident = MappingsAt(start, 4 * kGib).resident;
  EXPECT_GE(resident, kPageSize);
  EXPECT_LE(resident, kSmall);
}

TEST(GuestMemoryCreate, TheGuestsSecrets_AreNeitherForkedNorDumped) {
  auto memory = Make(kSmall);
  EXPECT_TRUE(MappingsAt(memory->Vector(0, 1)->iov_base, kSmall).all_have("dc"));
  EXPECT_TRUE(MappingsAt(memory->Vector(0, 1)->iov_base, kSmall).all_have("dd"));
}

TEST(GuestMemory, Destroyed_LeavesNothingMapped) {
  auto memory = Make(4 * kGib);
  const void* start = memory->Vector(0, 1)->iov_base;
  ASSERT_EQ(MappingsAt(start, 4 * kGib).size, 4 * kGib);
  memory.reset();
  // Somebody else's mapping may have taken a part of the place since, not all of it.
  EXPECT_LT(MappingsAt(start, 4 * kGib).size, kGib);
}

// ---------------------------------------------------------------- ranges

TEST(GuestMemoryContains, AtTheEdges_CountsTheLastByte) {
  auto memory = Make(kSmall);
  EXPECT_TRUE(memory->Contains(0, kSmall));
  EXPECT_TRUE(memory->Contains(kSmall - 1, 1));
  EXPECT_FALSE(memory->Contains(0, kSmall + 1));
  EXPECT_FALSE(memory->Contains(kSmall - 1, 2));
  EXPECT_FALSE(memory->Contains(kSmall, 1));
}

TEST(GuestMemoryContains, AnEmptyRange_IsWhereItsAddressIs) {
  auto memory = Make(kSmall);
  EXPECT_TRUE(memory->Contains(0, 0));
  EXPECT_TRUE(memory->Contains(kSmall - 1, 0));
  EXPECT_FALSE(memory->Contains(kSmall, 0));
  EXPECT_FALSE(memory->Contains(kLast, 0));
}

TEST(GuestMemoryContains, ARangeThatLeavesItsRegion_IsNone) {
  auto memory = Make(3 * kGib + kSmall);
  EXPECT_TRUE(memory->Contains(kGapStart - 8, 8));
  EXPECT_TRUE(memory->Contains(kGapEnd, kSmall));
  EXPECT_FALSE(memory->Contains(kGapStart - 8, 9));
  EXPECT_FALSE(memory->Contains(kGapStart, 1));
  EXPECT_FALSE(memory->Contains(kGapEnd - 1, 1));
  EXPECT_FALSE(memory->Contains(kGapEnd - 1, 2));
  EXPECT_FALSE(memory->Contains(kGapEnd, kSmall + 1));
  EXPECT_FALSE(memory->Contains(kGapStart - 8, kGib + 16));
}

TEST(GuestMemoryContains, ARangeThatWraps_IsNone) {
  auto memory = Make(3 * kGib + kSmall);
  EXPECT_FALSE(memory->Contains(1, kLast));
  EXPECT_FALSE(memory->Contains(kLast, 2));
  EXPECT_FALSE(memory->Contains(kPageSize, kLast - kPageSize + 2));
  EXPECT_FALSE(memory->Contains(kGapEnd, kLast - kGapEnd + 2));
}

// ---------------------------------------------------------------- access

TEST(GuestMemoryAccess, WhatIsWritten_IsRead) {
  auto memory = Make(3 * kGib + kSmall);
  const Bytes bytes = {1, 2, 3, 4, 5};
  for (uint64_t address : {uint64_t{0}, kGapStart - 5, kGapEnd, kGapEnd + kSmall - 5}) {
    ASSERT_TRUE(memory->Write(address, bytes));
    EXPECT_EQ(Get(*memory, address, 5), bytes) << address;
  }
}

TEST(GuestMemoryAccess, UntouchedMemory_ReadsAsZeros) {
  auto memory = Make(kSmall);
  EXPECT_EQ(Get(*memory, kSmall - 16, 16), Bytes(16));
}

TEST(GuestMemoryAccess, OutOfRange_ChangesNothing) {
  auto memory = Make(kSmall);
  Bytes into(8, 0xee);
  EXPECT_FALSE(memory->Read(kSmall - 7, into));
  EXPECT_EQ(into, Bytes(8, 0xee));
  EXPECT_FALSE(memory->Write(kSmall - 7, into));
  EXPECT_EQ(Get(*memory, kSmall - 7, 7), Bytes(7));
}

TEST(GuestMemoryAccess, OfNoBytes_FollowsTheAddress) {
  auto memory = Make(kSmall);
  EXPECT_TRUE(memory->Read(8, {}));
  EXPECT_TRUE(memory->Write(8, {}));
  EXPECT_FALSE(memory->Read(kSmall, {}));
  EXPECT_FALSE(memory->Write(kSmall, {}));
}

TEST(GuestMemoryAccess, Integers_AreLittleEndian) {
  auto memory = Make(kSmall);
  ASSERT_TRUE(memory->Store<uint64_t>(8, 0x0807'0605'0403'0201));
  EXPECT_EQ(Get(*memory, 8, 8), (Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(memory->Load<uint32_t>(12), 0x0807'0605u);
  EXPECT_EQ(memory->Load<uint16_t>(14), 0x0807u);
  EXPECT_EQ(memory->Load<uint8_t>(15), 8u);
}

template <typename T>
void ExpectOnlyAlignedAccess(GuestMemory& memory) {
  EXPECT_TRUE(memory.Store<T>(sizeof(T), 1));
  EXPECT_TRUE(memory.Load<T>(kSmall - sizeof(T)).has_value());
  for (uint64_t off = 1; off < sizeof(T); ++off) {
    EXPECT_FALSE(memory.Load<T>(off).has_value()) << off;
    EXPECT_FALSE(memory.Store<T>(sizeof(T) + off, 1)) << off;
  }
}

TEST(GuestMemoryAccess, AMisalignedInteger_IsNone) {
  auto memory = Make(kSmall);
  ExpectOnlyAlignedAccess<uint16_t>(*memory);
  ExpectOnlyAlignedAccess<uint32_t>(*memory);
  ExpectOnlyAlignedAccess<uint64_t>(*memory);
}

TEST(GuestMemoryAccess, AnIntegerOutsideOfMemory_IsNone) {
  auto memory = Make(3 * kGib + kSmall);
  for (uint64_t address : {kGapStart, kGapEnd - 8, kGapEnd + kSmall, kLast - 7}) {
    EXPECT_FALSE(memory->Load<uint64_t>(address).has_value()) << address;
    EXPECT_FALSE(memory->Store<uint64_t>(address, 1)) << address;
  }
}

// Two sides hand a number to and fro: what was written before a Store is there after its Load.
TEST(GuestMemoryAccess, WhatWasWrittenBeforeAStore_IsSeenAfterItsLoad) {
  constexpr uint32_t kRounds = 2000;
  constexpr uint64_t kForth = 0x1000, kBack = 0x1040, kPayload = 0x2000;
  auto memory = Make(kSmall);
  std::thread other([&memory] {
    for (uint32_t round = 1; round <= kRounds; ++round) {
      while (memory->Load<uint32_t>(kForth) != round) std::this_thread::yield();
      EXPECT_EQ(Get(*memory, kPayload, 3), Bytes(3, static_cast<uint8_t>(round)));
      EXPECT_TRUE(memory->Store<uint32_t>(kBack, round));
    }
  });
  for (uint32_t round = 1; round <= kRounds; ++round) {
    EXPECT_TRUE(memory->Write(kPayload, Bytes(3, static_cast<uint8_t>(round))));
    EXPECT_TRUE(memory->Store<uint32_t>(kForth, round));
    while (memory->Load<uint32_t>(kBack) != round) std::this_thread::yield();
  }
  other.join();
}

TEST(GuestMemoryVector, OfARangeInMemory_IsForSystemCalls) {
  auto memory = Make(kSmall);
  UniqueFd file = sys::MemoryFile("bytes", AsBytes("from a file")).TakeValue();
  iovec into = memory->Vector(kSmall - 11, 11).value();
  ASSERT_EQ(into.iov_len, 11u);
  ASSERT_EQ(sys::ReadAt(file.get(), into.iov_base, into.iov_len, 0).TakeValue(), 11u);
  EXPECT_EQ(AsText(Get(*memory, kSmall - 11, 11)), "from a file");
}

TEST(GuestMemoryVector, OfARangeThatIsNotInMemory_IsNothing) {
  auto memory = Make(3 * kGib + kSmall);
  EXPECT_FALSE(memory->Vector(kGapStart - 1, 2).has_value());
  EXPECT_FALSE(memory->Vector(kGapStart, 0).has_value());
  EXPECT_FALSE(memory->Vector(kGapEnd + kSmall, 1).has_value());
  EXPECT_FALSE(memory->Vector(8, kLast).has_value());
}

// ---------------------------------------------------------------- files

class GuestMemoryMapFile : public ::testing::Test {
 protected:
  static constexpr uint64_t kAt = 0x10'0000;
  static constexpr size_t kPages = 3;

  // Page N of the file is full of N + 1.
  static UniqueFd MakeFile() {
    Bytes bytes;
    for (size_t page = 0; page < kPages; ++page)
      bytes.insert(bytes.end(), kPageSize, static_cast<uint8_t>(page + 1));
    return sys::MemoryFile("kernel", bytes).TakeValue();
  }
  static uint8_t FirstByte(int file, uint64_t offset) {
    uint8_t byte = 0;
    EXPECT_EQ(sys::ReadAt(file, &byte, 1, offset).TakeValue(), 1u);
    return byte;
  }

  UniqueFd file_ = MakeFile();
  std::unique_ptr<GuestMemory> memory_ = Make(kSmall);
};

TEST_F(GuestMemoryMapFile, OfSomePages_ShowsThemAndNothingElse) {
  ASSERT_TRUE(memory_->MapFile(kAt, 2 * kPageSize, file_.get(), kPageSize).ok());
  EXPECT_EQ(Get(*memory_, kAt, kPageSize), Bytes(kPageSize, 2));
  EXPECT_EQ(Get(*memory_, kAt + kPageSize, kPageSize), Bytes(kPageSize, 3));
  EXPECT_EQ(memory_->Load<uint8_t>(kAt - 1), 0);
  EXPECT_EQ(memory_->Load<uint8_t>(kAt + 2 * kPageSize), 0);
}

TEST_F(GuestMemoryMapFile, AWrite_StaysInThisMemory) {
  auto other = Make(kSmall);
  ASSERT_TRUE(memory_->MapFile(kAt, kPageSize, file_.get(), 0).ok());
  ASSERT_TRUE(other->MapFile(kAt, kPageSize, file_.get(), 0).ok());
  ASSERT_TRUE(memory_->Store<uint8_t>(kAt, 0x77));
  EXPECT_EQ(memory_->Load<uint8_t>(kAt), 0x77);
  EXPECT_EQ(other->Load<uint8_t>(kAt), 1);
  EXPECT_EQ(FirstByte(file_.get(), 0), 1);
}

// A page that the guest did not write is the file's own, so that all boxes have it once.
TEST_F(GuestMemoryMapFile, AnUnwrittenPage_IsTheFilesOwn) {
  ASSERT_TRUE(memory_->MapFile(kAt, kPages * kPageSize, file_.get(), 0).ok());
  ASSERT_EQ(memory_->Load<uint8_t>(kAt), 1);
  ASSERT_TRUE(sys::WriteAllAt(file_.get(), AsBytes("\x42"), 0).ok());
  EXPECT_EQ(memory_->Load<uint8_t>(kAt), 0x42);
}

TEST_F(GuestMemoryMapFile, OfAFileOpenForReading_CanBeWrittenByTheGuest) {
  std::string path = "/proc/self/fd/" + std::to_string(file_.get());
  UniqueFd read_only = sys::Open(path, O_RDONLY).TakeValue();
  ASSERT_TRUE(memory_->MapFile(kAt, kPageSize, read_only.get(), 0).ok());
  EXPECT_TRUE(memory_->Store<uint8_t>(kAt, 9));
  EXPECT_EQ(memory_->Load<uint8_t>(kAt), 9);
}

TEST_F(GuestMemoryMapFile, TheDescriptor_MayGo) {
  ASSERT_TRUE(memory_->MapFile(kAt, kPageSize, file_.get(), 0).ok());
  file_.Reset();
  EXPECT_EQ(memory_->Load<uint8_t>(kAt), 1);
}

TEST_F(GuestMemoryMapFile, WhatTheGuestWritesThere_IsNeitherForkedNorDumped) {
  ASSERT_TRUE(memory_->MapFile(kAt, kPageSize, file_.get(), 0).ok());
  const void* at = memory_->Vector(kAt, 1)->iov_base;
  EXPECT_TRUE(MappingsAt(at, kPageSize).all_have("dc"));
  EXPECT_TRUE(MappingsAt(at, kPageSize).all_have("dd"));
}

TEST_F(GuestMemoryMapFile, Misaligned_IsRefused) {
  auto code = [this](uint64_t address, uint64_t size, uint64_t offset) {
    return memory_->MapFile(address, size, file_.get(), offset).error().code();
  };
  EXPECT_EQ(code(kAt + 1, kPageSize, 0), Code::kInvalidArgument);
  EXPECT_EQ(code(kAt, kPageSize + 1, 0), Code::kInvalidArgument);
  EXPECT_EQ(code(kAt, kPageSize, 1), Code::kInvalidArgument);
  EXPECT_EQ(code(kAt, 0, 0), Code::kInvalidArgument);
  EXPECT_EQ(memory_->Load<uint8_t>(kAt), 0);
}

TEST_F(GuestMemoryMapFile, OutOfRange_IsRefused) {
  auto code = [this](uint64_t address, uint64_t size) {
    return memory_->MapFile(address, size, file_.get(), 0).error().code();
  };
  EXPECT_EQ(code(kSmall, kPageSize), Code::kInvalidArgument);
  EXPECT_EQ(code(kSmall - kPageSize, 2 * kPageSize), Code::kInvalidArgument);
  EXPECT_EQ(code(kPageSize, kLast - kPageSize + 1), Code::kInvalidArgument);
  EXPECT_EQ(memory_->Load<uint8_t>(kSmall - kPageSize), 0);
}

TEST_F(GuestMemoryMapFile, WhatCannotBeMapped_IsAnErrorAndLeavesMemoryAlone) {
  ASSERT_TRUE(memory_->Store<uint8_t>(kAt, 5));
  EXPECT_FALSE(memory_->MapFile(kAt, kPageSize, -1, 0).ok());
  EXPECT_FALSE(memory_->MapFile(kAt, kPageSize, file_.get(), kLast - kPageSize + 1).ok());
  EXPECT_EQ(memory_->Load<uint8_t>(kAt), 5);
}

}  // namespace
}  // namespace boxlite::kvm
