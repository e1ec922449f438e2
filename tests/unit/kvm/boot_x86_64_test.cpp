#include "kvm/boot_x86_64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kvm/layout.h"
#include "kvm/mp_table_x86_64.h"
#include "unit/kvm/kernel_image.h"

namespace boxlite::kvm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kMib = 1024 * 1024;
constexpr uint64_t kGib = 1024 * kMib;
constexpr uint64_t kMemory = 16 * kMib;
constexpr uint64_t kKernel = 2 * kMib;  // where it is linked to
constexpr uint64_t kKernelSize = 4 * kMib;
constexpr uint32_t kPvhEntry = kKernel + 0x40;

Bytes Pattern(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 251 + 1);
  return bytes;
}

KernelImage WithoutNote() {
  KernelImage image(kKernel + 0x200);
  image.Segment(kKernel, Pattern(10000), 3 * kPageSize);
  image.Segment(kKernel + 3 * kPageSize, Pattern(300), kKernelSize - 3 * kPageSize, kWritable);
  return image;
}
KernelImage WithNote() {
  KernelImage image = WithoutNote();
  image.Notes(PvhNote(kPvhEntry));
  return image;
}

struct MapEntry {
  uint64_t address, size;
  uint32_t type;
  bool operator==(const MapEntry&) const = default;
};

class LoadGuestTest : public ::testing::Test {
 protected:
  Result<BootEntry> Load(const KernelImage& image) {
    kernel_ = image.File();
    files_.kernel = kernel_.get();
    return LoadGuest(*memory_, files_);
  }
  void SetInitramfs(const Bytes& bytes) {
    initramfs_ = sys::MemoryFile("initramfs", bytes).TakeValue();
    files_.initramfs = initramfs_.get();
  }
  // A file that is as long and takes no memory.
  void SetSparseInitramfs(uint64_t size) {
    SetInitramfs({});
    ASSERT_TRUE(sys::Truncate(initramfs_.get(), size).ok());
  }
  void SetMemory(uint64_t size) { memory_ = GuestMemory::Create(size).TakeValue(); }

  Bytes Get(uint64_t address, size_t size) const {
    Bytes bytes(size);
    EXPECT_TRUE(memory_->Read(address, bytes));
    return bytes;
  }
  template <typename T>
  T Field(uint64_t address) const {
    return LoadLe<T>(Get(address, sizeof(T)).data());
  }
  std::vector<MapEntry> MemoryMap(uint64_t address, size_t count, size_t entry_size) const {
    std::vector<MapEntry> map;
    for (; map.size() < count; address += entry_size) {
      map.push_back(
          {Field<uint64_t>(address), Field<uint64_t>(address + 8), Field<uint32_t>(address + 16)});
    }
    return map;
  }

  std::unique_ptr<GuestMemory> memory_ = GuestMemory::Create(kMemory).TakeValue();
  UniqueFd kernel_, initramfs_;
  BootFiles files_;
};

// ---------------------------------------------------------------- the kernel

TEST_F(LoadGuestTest, AKernelWithANote_IsEnteredThereByPvh) {
  BootEntry entry = Load(WithNote()).TakeValue();
  EXPECT_EQ(entry.mode, BootMode::kPvh);
  EXPECT_EQ(entry.address, kPvhEntry);
  EXPECT_EQ(entry.argument, kStartInfo);
}

TEST_F(LoadGuestTest, AKernelWithoutANote_IsEnteredIn64BitMode) {
  BootEntry entry = Load(WithoutNote()).TakeValue();
  EXPECT_EQ(entry.mode, BootMode::kLong64);
  EXPECT_EQ(entry.address, kKernel + 0x200);
  EXPECT_EQ(entry.argument, kZeroPage);
}

TEST_F(LoadGuestTest, Segments_AreWhereTheyBelongAndZeroBehind) {
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_EQ(Get(kKernel, 10000), Pattern(10000));
  EXPECT_EQ(Get(kKernel + 10000, 3 * kPageSize - 10000), Bytes(3 * kPageSize - 10000));
  EXPECT_EQ(Get(kKernel + 3 * kPageSize, 300), Pattern(300));
  size_t rest = kKernelSize - 3 * kPageSize - 300;
  EXPECT_EQ(Get(kKernel + 3 * kPageSize + 300, rest), Bytes(rest));
  EXPECT_EQ(Get(kKernel - 16, 16), Bytes(16));
}

TEST_F(LoadGuestTest, SegmentsThatDoNotBeginAtAPage_AreCopiedToTheByte) {
  KernelImage image;
  image.Segment(kKernel + 0x123, Pattern(9000), 9000, kCode, 0x123);  // both off by as much
  image.Segment(kKernel + 0x4000, Pattern(9000), 9000, kCode, 0x10);  // the file alone
  image.Segment(kKernel + 0x8010, Pattern(9000), 9000);               // memory alone
  ASSERT_TRUE(Load(image).ok());
  for (uint64_t address : {kKernel + 0x123, kKernel + 0x4000, kKernel + 0x8010}) {
    EXPECT_EQ(Get(address, 9000), Pattern(9000)) << address;
    EXPECT_EQ(Get(address - 16, 16), Bytes(16)) << address;
    EXPECT_EQ(Get(address + 9000, 16), Bytes(16)) << address;
  }
}

TEST_F(LoadGuestTest, WhatTheKernelDoesNotWrite_IsSharedWithItsFile) {
  ASSERT_TRUE(Load(WithNote()).ok());
  ASSERT_TRUE(sys::WriteAllAt(kernel_.get(), AsBytes("shared"), kContentOffset).ok());
  EXPECT_EQ(AsText(Get(kKernel, 6)), "shared");
}

TEST_F(LoadGuestTest, WhatTheGuestWrites_StaysOutOfTheFile) {
  ASSERT_TRUE(Load(WithNote()).ok());
  ASSERT_TRUE(memory_->Write(kKernel, Bytes(kKernelSize, 0xcc)));
  Bytes now(WithNote().Build().size());
  ASSERT_EQ(sys::ReadAt(kernel_.get(), now.data(), now.size(), 0).TakeValue(), now.size());
  EXPECT_EQ(now, WithNote().Build());
}

TEST_F(LoadGuestTest, AKernelBelowAMib_IsRefused) {
  KernelImage image;
  image.Segment(kHighStart - kPageSize, Pattern(10), 10);
  EXPECT_THAT(Load(image).error().message(), HasSubstr("below 1 MiB"));
}

TEST_F(LoadGuestTest, AKernelThatDoesNotFit_IsRefused) {
  KernelImage image;
  image.Segment(kKernel, Pattern(10), kMemory - kKernel + 1);
  Error error = Load(image).TakeError();
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
  EXPECT_THAT(error.hint(), HasSubstr("more memory"));
}

TEST_F(LoadGuestTest, AKernelInTheGap_IsRefused) {
  SetMemory(3 * kGib + 2 * kMib);
  KernelImage image;
  image.Segment(kGapStart - kPageSize, Pattern(10), kPageSize + 1);
  EXPECT_FALSE(Load(image).ok());
  KernelImage above;
  above.Segment(kGapEnd, Pattern(10), 10);
  EXPECT_FALSE(Load(above).ok());
}

TEST_F(LoadGuestTest, WhatIsNoKernel_IsRefused) {
  kernel_ = sys::MemoryFile("kernel", AsBytes("#!/bin/sh\n")).TakeValue();
  files_.kernel = kernel_.get();
  EXPECT_EQ(LoadGuest(*memory_, files_).error().code(), Code::kInvalidArgument);
  files_.kernel = -1;
  EXPECT_FALSE(LoadGuest(*memory_, files_).ok());
}

// ---------------------------------------------------------------- the initramfs

TEST_F(LoadGuestTest, TheInitramfs_EndsInTheLastPageOfLowMemory) {
  Bytes content = Pattern(3 * kMib + 5);  // more than is copied at once
  SetInitramfs(content);
  ASSERT_TRUE(Load(WithNote()).ok());
  uint64_t module = Field<uint64_t>(kStartInfo + 16);
  auto address = Field<uint64_t>(module);
  EXPECT_EQ(address % kPageSize, 0u);
  EXPECT_EQ(address, kMemory - 3 * kMib - kPageSize);
  EXPECT_EQ(Field<uint64_t>(module + 8), content.size());
  EXPECT_EQ(Get(address, content.size()), content);
}

TEST_F(LoadGuestTest, WithMemoryAboveTheGap_TheInitramfsIsBelowIt) {
  SetMemory(4 * kGib);
  SetInitramfs(Pattern(10));
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_EQ(Field<uint64_t>(Field<uint64_t>(kStartInfo + 16)), kGapStart - kPageSize);
  EXPECT_EQ(Get(kGapStart - kPageSize, 10), Pattern(10));
}

TEST_F(LoadGuestTest, WithoutAnInitramfs_ThereIsNoModule) {
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_EQ(Field<uint32_t>(kStartInfo + 12), 0u);
  SetInitramfs({});
  SetMemory(kMemory);
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_EQ(Field<uint32_t>(kStartInfo + 12), 0u);
}

TEST_F(LoadGuestTest, UpToTheKernelsEnd_AnInitramfsFits) {
  SetSparseInitramfs(kMemory - kKernel - kKernelSize);
  EXPECT_TRUE(Load(WithNote()).ok());
}

TEST_F(LoadGuestTest, AnInitramfsThatWouldReachIntoTheKernel_IsRefused) {
  SetSparseInitramfs(kMemory - kKernel - kKernelSize + 1);
  Error error = Load(WithNote()).TakeError();
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("initramfs"));
  EXPECT_THAT(error.hint(), HasSubstr("more memory"));
}

TEST_F(LoadGuestTest, AnInitramfsLargerThanMemory_IsRefused) {
  for (uint64_t size : {kMemory + 1, 4 * kGib, uint64_t{1} << 50}) {
    SetSparseInitramfs(size);
    EXPECT_EQ(Load(WithNote()).error().code(), Code::kInvalidArgument) << size;
  }
}

// ---------------------------------------------------------------- what the kernel is told

TEST_F(LoadGuestTest, StartInfo_IsThatOfThePvhProtocol) {
  SetInitramfs(Pattern(100));
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_EQ(Field<uint32_t>(kStartInfo), 0x336e'c578u);
  EXPECT_EQ(Field<uint32_t>(kStartInfo + 4), 1u);   // version
  EXPECT_EQ(Field<uint32_t>(kStartInfo + 8), 0u);   // flags
  EXPECT_EQ(Field<uint32_t>(kStartInfo + 12), 1u);  // modules
  EXPECT_EQ(Field<uint64_t>(kStartInfo + 24), kCommandLine);
  EXPECT_EQ(Field<uint64_t>(kStartInfo + 32), 0u);                        // ACPI
  EXPECT_EQ(Field<uint32_t>(kStartInfo + 48), 3u);                        // entries of the map
  EXPECT_EQ(Field<uint64_t>(Field<uint64_t>(kStartInfo + 16) + 16), 0u);  // a module's command line
}

TEST_F(LoadGuestTest, TheZeroPage_IsThatOfThe64BitProtocol) {
  SetInitramfs(Pattern(100));
  ASSERT_TRUE(Load(WithoutNote()).ok());
  EXPECT_EQ(Field<uint16_t>(kZeroPage + 0x1fe), 0xaa55);
  EXPECT_EQ(AsText(Get(kZeroPage + 0x202, 4)), "HdrS");
  EXPECT_EQ(Field<uint8_t>(kZeroPage + 0x210), 0xff);
  EXPECT_EQ(Field<uint32_t>(kZeroPage + 0x218), kMemory - kPageSize);
  EXPECT_EQ(Field<uint32_t>(kZeroPage + 0x21c), 100u);
  EXPECT_EQ(Field<uint32_t>(kZeroPage + 0x228), kCommandLine);
  EXPECT_EQ(Field<uint8_t>(kZeroPage + 0x1ef), 0);  // a loader that leaves rubbish is caught by it
}

TEST_F(LoadGuestTest, TheMemoryMap_LeavesTheMpTableOut) {
  const MapEntry low{0, 0x9fc00, 1}, table{0x9fc00, 0x400, 2};
  const MapEntry high{kHighStart, kMemory - kHighStart, 1};
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_THAT(MemoryMap(Field<uint64_t>(kStartInfo + 40), 3, 24), ElementsAre(low, table, high));
  ASSERT_TRUE(Load(WithoutNote()).ok());
  EXPECT_EQ(Field<uint8_t>(kZeroPage + 0x1e8), 3);
  EXPECT_THAT(MemoryMap(kZeroPage + 0x2d0, 3, 20), ElementsAre(low, table, high));
}

TEST_F(LoadGuestTest, TheMemoryMap_HasMemoryAboveTheGap) {
  SetMemory(3 * kGib + 2 * kMib);
  const MapEntry high{kHighStart, 3 * kGib - kHighStart, 1}, above{4 * kGib, 2 * kMib, 1};
  ASSERT_TRUE(Load(WithNote()).ok());
  auto map = MemoryMap(Field<uint64_t>(kStartInfo + 40), Field<uint32_t>(kStartInfo + 48), 24);
  ASSERT_EQ(map.size(), 4u);
  EXPECT_EQ(map[2], high);
  EXPECT_EQ(map[3], above);
  ASSERT_TRUE(Load(WithoutNote()).ok());
  ASSERT_EQ(Field<uint8_t>(kZeroPage + 0x1e8), 4);
  EXPECT_EQ(MemoryMap(kZeroPage + 0x2d0, 4, 20)[3], above);
}

TEST_F(LoadGuestTest, TheCommandLine_EndsInAZero) {
  ASSERT_TRUE(memory_->Write(kCommandLine, Bytes(64, 0xee)));
  files_.command_line = "quiet panic=-1";
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_EQ(AsText(Get(kCommandLine, 15)), std::string("quiet panic=-1\0", 15));
}

// Linux on x86-64 takes 2048 bytes with the zero and drops the rest in silence.
TEST_F(LoadGuestTest, TheLongestCommandLine_IsWhatLinuxTakes) {
  files_.command_line = std::string(2047, 'x');
  ASSERT_TRUE(Load(WithNote()).ok());
  EXPECT_EQ(AsText(Get(kCommandLine, 2048)), files_.command_line + '\0');
  files_.command_line += 'x';
  Error error = Load(WithNote()).TakeError();
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("command line is too long"));
}

TEST_F(LoadGuestTest, TheMpTable_IsThatOfAllProcessors) {
  for (uint32_t cpus : {1u, 3u, 32u}) {
    files_.cpus = cpus;
    ASSERT_TRUE(Load(WithNote()).ok()) << cpus;
    Bytes table = MpTable(cpus);
    EXPECT_EQ(Get(kMpTable, table.size()), table);
  }
}

TEST_F(LoadGuestTest, NoProcessorAndTooMany_AreRefused) {
  for (uint32_t cpus : {0u, 33u, 0xffff'ffffu}) {
    files_.cpus = cpus;
    Error error = Load(WithNote()).TakeError();
    EXPECT_EQ(error.code(), Code::kInvalidArgument) << cpus;
    EXPECT_THAT(error.message(), HasSubstr("1 to 32 processors"));
  }
}

// What the kernel starts with lies apart: nothing overwrites another.
TEST_F(LoadGuestTest, AllTogether_KeepOutOfEachOthersWay) {
  files_.cpus = 32;
  files_.command_line = std::string(2047, 'x');
  SetInitramfs(Pattern(1000));
  ASSERT_TRUE(Load(WithNote()).ok());
  auto modules = Field<uint64_t>(kStartInfo + 16), map = Field<uint64_t>(kStartInfo + 40);
  EXPECT_GE(modules, kStartInfo + 56);
  EXPECT_GE(map, modules + 32);
  EXPECT_LE(map + 4 * 24, kZeroPage);
  EXPECT_LE(kZeroPage + kPageSize, kPageTables);
  EXPECT_LE(kPageTables + 3 * kPageSize, kCommandLine);
  EXPECT_LE(kCommandLine + kCommandLineLimit, kMpTable);
}

}  // namespace
}  // namespace boxlite::kvm
