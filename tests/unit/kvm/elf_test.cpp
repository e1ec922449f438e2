#include "kvm/elf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "unit/kvm/kernel_image.h"

namespace boxlite::kvm {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMib = 1024 * 1024;
constexpr uint64_t kMemory = 64 * kMib;
constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
constexpr uint32_t kPvhEntry = 0x100'0040;

KernelImage Good() {
  KernelImage image(0x100'0010);
  image.Segment(0x100'0000, Bytes(5000, 0x90), 8192);
  image.Segment(0x100'2000, Bytes(100, 7), 3 * kMib, kWritable);
  image.Notes(PvhNote(kPvhEntry));
  return image;
}

void WithEntry(KernelImage& image, uint64_t address) {
  image.programs.back().p_type = PT_NULL;  // the note
  image.header.e_entry = address;
}
void WithPvhEntry(KernelImage& image, uint32_t address) {
  image.programs.back().p_type = PT_NULL;
  image.Notes(PvhNote(address));
}

Result<ElfImage> Read(const KernelImage& image, uint64_t memory_size = kMemory) {
  return ReadElf(image.File().get(), memory_size);
}
std::optional<uint32_t> EntryOf(Bytes notes) {
  return Read(Good().Notes(std::move(notes))).TakeValue().pvh_entry;
}
KernelImage WithoutNotes() {
  KernelImage image = Good();
  image.programs.back().p_type = PT_NULL;
  return image;
}
std::optional<uint32_t> EntryOfOnly(Bytes notes) {
  KernelImage image = WithoutNotes();
  return Read(image.Notes(std::move(notes))).TakeValue().pvh_entry;
}

// ---------------------------------------------------------------- good ones

TEST(Elf, AGoodImage_HasItsSegmentsAndEntries) {
  ElfImage image = Read(Good()).TakeValue();
  EXPECT_EQ(image.entry, 0x100'0010u);
  EXPECT_EQ(image.pvh_entry, kPvhEntry);
  ASSERT_EQ(image.segments.size(), 2u);
  const ElfSegment& text = image.segments[0];
  EXPECT_EQ(text.address, 0x100'0000u);
  EXPECT_EQ(text.offset, kContentOffset);
  EXPECT_EQ(text.file_size, 5000u);
  EXPECT_EQ(text.memory_size, 8192u);
  EXPECT_FALSE(text.writable);
  EXPECT_TRUE(text.executable);
  EXPECT_TRUE(image.segments[1].writable);
  EXPECT_FALSE(image.segments[1].executable);
}

TEST(Elf, WithoutANote_HasNoEntryIn32Bits) {
  ElfImage image = Read(WithoutNotes()).TakeValue();
  EXPECT_EQ(image.pvh_entry, std::nullopt);
  EXPECT_EQ(image.entry, 0x100'0010u);
}

TEST(Elf, Segments_ComeByAddress) {
  KernelImage kernel;
  kernel.Segment(0x30'0000, Bytes(1), 1).Segment(0x10'0000, Bytes(2), 2);
  kernel.Segment(0x20'0000, Bytes(3), 0x10'0000);
  ElfImage image = Read(kernel).TakeValue();
  ASSERT_EQ(image.segments.size(), 3u);
  EXPECT_EQ(image.segments[0].file_size, 2u);
  EXPECT_EQ(image.segments[1].file_size, 3u);
  EXPECT_EQ(image.segments[2].file_size, 1u);
}

TEST(Elf, ASegmentWithoutMemory_IsNone) {
  EXPECT_EQ(Read(Good().Segment(0x100'0000, {}, 0)).TakeValue().segments.size(), 2u);
}

TEST(Elf, ASegmentWithoutFile_IsZeros) {
  ElfImage image = Read(Good().Segment(0x50'0000, {}, kMib)).TakeValue();
  ASSERT_EQ(image.segments.size(), 3u);
  EXPECT_EQ(image.segments[0].file_size, 0u);
  EXPECT_EQ(image.segments[0].memory_size, kMib);
}

TEST(Elf, UpToTheEndOfMemory_Fits) {
  KernelImage kernel;
  kernel.Segment(kMemory - kMib, Bytes(1), kMib);
  EXPECT_TRUE(Read(kernel).ok());
  EXPECT_FALSE(Read(kernel, kMemory - 1).ok());
}

TEST(Elf, SixtyFourHeaders_AreTaken) {
  KernelImage kernel = Good();
  while (kernel.programs.size() < 64) kernel.Segment(0, {}, 0);
  EXPECT_EQ(Read(kernel).TakeValue().segments.size(), 2u);
}

TEST(Elf, AnEntryInTheLastByteOfCode_IsTaken) {
  KernelImage kernel = Good();
  WithEntry(kernel, 0x100'0000 + 4999);
  EXPECT_EQ(Read(kernel).TakeValue().entry, 0x100'0000u + 4999);
}

// A kernel that is entered by its note may name any other entry, and none.
TEST(Elf, TheEntryThatIsNotTaken_MayBeAnywhere) {
  KernelImage kernel = Good();
  kernel.header.e_entry = 0;
  EXPECT_EQ(Read(kernel).TakeValue().pvh_entry, kPvhEntry);
}

// ---------------------------------------------------------------- notes

TEST(ElfNotes, TheEntryBehindOthers_IsFound) {
  Bytes notes = Note("GNU", 1, Bytes(5, 1));
  for (const Bytes& note : {Note("Xen", 6, Bytes(3)), PvhNote(0x100'0123)})
    notes.insert(notes.end(), note.begin(), note.end());
  EXPECT_EQ(EntryOfOnly(notes), 0x100'0123u);
}

TEST(ElfNotes, InTheSecondSegmentOfNotes_AreFound) {
  KernelImage kernel = WithoutNotes();
  kernel.Notes(Note("GNU", 1, Bytes(4))).Notes(PvhNote(0x100'0456));
  EXPECT_EQ(Read(kernel).TakeValue().pvh_entry, 0x100'0456u);
}

TEST(ElfNotes, TheFirstEntry_Counts) {
  EXPECT_EQ(EntryOf(PvhNote(0x100'0789)), kPvhEntry);
}

TEST(ElfNotes, AnEntryOfFourBytes_IsOne) {
  EXPECT_EQ(EntryOfOnly(Note("Xen", 18, Bytes{1, 2, 0, 1})), 0x100'0201u);
}

TEST(ElfNotes, OtherNotes_AreNoEntry) {
  EXPECT_EQ(EntryOfOnly(Note("Xen", 17, Bytes(8, 1))), std::nullopt);
  EXPECT_EQ(EntryOfOnly(Note("Xem", 18, Bytes(8, 1))), std::nullopt);
  EXPECT_EQ(EntryOfOnly(Note("Xenon", 18, Bytes(8, 1))), std::nullopt);
  EXPECT_EQ(EntryOfOnly(Note("", 18, Bytes(8, 1))), std::nullopt);
  EXPECT_EQ(EntryOfOnly(Note("Xen", 18, Bytes(3, 1))), std::nullopt);
}

TEST(ElfNotes, CutAnywhere_AreNoEntry) {
  Bytes whole = PvhNote(0x100'0123);
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(EntryOfOnly(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))),
              std::nullopt)
        << size;
}

TEST(ElfNotes, SizesThatPassTheEndOrWrap_EndTheSearch) {
  for (size_t field : {0, 4}) {
    for (uint32_t size : {0x14u, 0x7fff'ffffu, 0xffff'fffdu, 0xffff'ffffu}) {
      Bytes notes = Note("GNU", 1, Bytes(4));
      StoreLe(notes.data() + field, size);
      Bytes good = PvhNote(0x100'0123);
      notes.insert(notes.end(), good.begin(), good.begin() + 8);
      EXPECT_EQ(EntryOfOnly(notes), std::nullopt) << field << ' ' << size;
    }
  }
}

TEST(ElfNotes, MoreThanAKernelHas_AreNotLookedAt) {
  Bytes notes = PvhNote(0x100'0123);
  notes.resize(64 * 1024);
  EXPECT_EQ(EntryOfOnly(notes), 0x100'0123u);
  notes.resize(64 * 1024 + 1);
  EXPECT_EQ(EntryOfOnly(notes), std::nullopt);
}

// ---------------------------------------------------------------- broken ones

// Nothing of an image is optional: whatever is missing from its end, it is refused.
TEST(ElfBroken, TruncatedAnywhereInItsHeaders_IsRefused) {
  Bytes whole = Good().Build();
  for (size_t size = 0; size <= kHeadersOffset + 3 * sizeof(Elf64_Phdr); ++size) {
    UniqueFd file = sys::MemoryFile("kernel", ByteSpan(whole).first(size)).TakeValue();
    Result<ElfImage> image = ReadElf(file.get(), kMemory);
    ASSERT_FALSE(image.ok()) << size;
    EXPECT_EQ(image.error().code(), Code::kInvalidArgument) << size;
  }
}

TEST(ElfBroken, OneByteShort_IsRefused) {
  Bytes whole = Good().Build();
  whole.pop_back();
  UniqueFd file = sys::MemoryFile("kernel", whole).TakeValue();
  EXPECT_EQ(ReadElf(file.get(), kMemory).error().code(), Code::kInvalidArgument);
}

TEST(ElfBroken, WhatIsNoFile_IsAnError) {
  EXPECT_FALSE(ReadElf(-1, kMemory).ok());
  auto pipe = sys::Pipe().TakeValue();
  EXPECT_FALSE(ReadElf(pipe.first.get(), kMemory).ok());
}

struct Defect {
  const char* name;
  void (*make)(KernelImage& kernel);
  const char* message;  // a part of it
};

class ElfDefect : public ::testing::TestWithParam<Defect> {};

TEST_P(ElfDefect, IsRefusedWithItsReason) {
  KernelImage kernel = Good();
  GetParam().make(kernel);
  Result<ElfImage> image = Read(kernel);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(image.error().message(), HasSubstr(GetParam().message));
  EXPECT_NE(image.error().hint(), "");
}

const Defect kHeaderDefects[] = {
    {"NoMagic", [](KernelImage& k) { k.header.e_ident[1] = 'F'; }, "no ELF file"},
    {"Class32", [](KernelImage& k) { k.header.e_ident[EI_CLASS] = ELFCLASS32; }, "another kind"},
    {"BigEndian", [](KernelImage& k) { k.header.e_ident[EI_DATA] = ELFDATA2MSB; }, "another kind"},
    {"OtherMachine", [](KernelImage& k) { k.header.e_machine = EM_AARCH64; }, "another kind"},
    {"SharedObject", [](KernelImage& k) { k.header.e_type = ET_DYN; }, "no executable"},
    {"HeaderSize", [](KernelImage& k) { --k.header.e_phentsize; }, "not to be read"},
    {"NoHeaders", [](KernelImage& k) { k.header.e_phnum = 0; }, "not to be read"},
    {"TooManyHeaders", [](KernelImage& k) { k.header.e_phnum = 65; }, "not to be read"},
    {"HeadersPastTheEnd", [](KernelImage& k) { k.header.e_phoff = 1 << 20; }, "ends too early"},
    {"HeadersAtTheEnd",
     [](KernelImage& k) { k.header.e_phoff = k.Build().size() - 3 * sizeof(Elf64_Phdr) + 1; },
     "ends too early"},
    {"HeadersThatWrap", [](KernelImage& k) { k.header.e_phoff = kLast - 60; }, "ends too early"},
    {"HeadersAtANegativeOffset", [](KernelImage& k) { k.header.e_phoff = uint64_t{1} << 63; },
     "ends too early"},
};

const Defect kSegmentDefects[] = {
    {"FilePastTheEnd", [](KernelImage& k) { k.programs[0].p_offset = 1 << 20; }, "end of the file"},
    {"FileThatWraps", [](KernelImage& k) { k.programs[0].p_offset = kLast - 4999; },
     "end of the file"},
    {"MemoryThatWraps", [](KernelImage& k) { k.programs[0].p_paddr = kLast - 8190; },
     "does not fit"},
    {"LargerThanItsMemory", [](KernelImage& k) { k.programs[0].p_memsz = 4999; },
     "larger than its memory"},
    {"PastMemory", [](KernelImage& k) { k.programs[0].p_paddr = kMemory - 8191; }, "does not fit"},
    {"FarPastMemory", [](KernelImage& k) { k.programs[0].p_paddr = uint64_t{1} << 40; },
     "does not fit"},
    {"HugeMemory", [](KernelImage& k) { k.programs[0].p_memsz = uint64_t{1} << 62; },
     "does not fit"},
    {"OverlapByAByte", [](KernelImage& k) { k.programs[1].p_paddr = 0x100'1fff; }, "overlap"},
    {"SameAddress", [](KernelImage& k) { k.programs[1].p_paddr = 0x100'0000; }, "overlap"},
    {"OneInAnother", [](KernelImage& k) { k.programs[0].p_paddr = 0x110'0000; }, "overlap"},
    {"NothingToLoad", [](KernelImage& k) { k.programs[0].p_type = k.programs[1].p_type = PT_NULL; },
     "nothing to load"},
    {"NotesPastTheEnd", [](KernelImage& k) { ++k.programs[2].p_filesz; }, "notes pass the end"},
    {"NotesThatWrap", [](KernelImage& k) { k.programs[2].p_offset = kLast - 3; },
     "notes pass the end"},
    {"NotesAtANegativeOffset", [](KernelImage& k) { k.programs[2].p_offset = uint64_t{1} << 63; },
     "notes pass the end"},
};

// The segments of a good one: 5000 bytes of code in 8192 from 0x100'0000 on, then what is written.
const Defect kEntryDefects[] = {
    {"Before", [](KernelImage& k) { WithEntry(k, 0xff'ffff); }, "its entry is in no executable"},
    {"Behind", [](KernelImage& k) { WithEntry(k, 0x100'0000 + 5000); }, "its entry is in no"},
    {"InData", [](KernelImage& k) { WithEntry(k, 0x100'2000); }, "its entry is in no executable"},
    {"Nowhere", [](KernelImage& k) { WithEntry(k, kLast); }, "its entry is in no executable"},
    {"In32BitsNowhere", [](KernelImage& k) { WithPvhEntry(k, 0); }, "32-bit entry (PVH) is in no"},
    {"In32BitsBehind", [](KernelImage& k) { WithPvhEntry(k, 0x100'0000 + 5000); }, "entry (PVH)"},
    {"In32BitsInData", [](KernelImage& k) { WithPvhEntry(k, 0x100'2000); }, "entry (PVH) is in no"},
};

std::string NameOf(const ::testing::TestParamInfo<Defect>& defect) {
  return defect.param.name;
}
INSTANTIATE_TEST_SUITE_P(Header, ElfDefect, ::testing::ValuesIn(kHeaderDefects), NameOf);
INSTANTIATE_TEST_SUITE_P(Entry, ElfDefect, ::testing::ValuesIn(kEntryDefects), NameOf);
INSTANTIATE_TEST_SUITE_P(Segment, ElfDefect, ::testing::ValuesIn(kSegmentDefects), NameOf);

}  // namespace
}  // namespace boxlite::kvm
