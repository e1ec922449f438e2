// room: kvm
// A kernel's file as a stranger would write it: read, and put into a small guest's memory. What is
// accepted keeps its promises: segments in memory and in the file, by address, none over another,
// and an entry in one of them.
#include <algorithm>

#include "base/check.h"
#include "base/sys.h"
#include "kvm/boot_x86_64.h"
#include "kvm/elf.h"
#include "kvm/layout.h"

namespace {

using namespace boxlite;       // NOLINT(google-build-using-namespace)
using namespace boxlite::kvm;  // NOLINT(google-build-using-namespace)

constexpr uint64_t kMemory = 4 * 1024 * 1024;

void Check(const ElfImage& image, uint64_t file_size) {
  BOXLITE_CHECK(!image.segments.empty());
  uint64_t end = 0;
  for (const ElfSegment& segment : image.segments) {
    BOXLITE_CHECK(segment.address >= end && segment.memory_size > 0);
    BOXLITE_CHECK(segment.address <= kMemory && segment.memory_size <= kMemory - segment.address);
    BOXLITE_CHECK(segment.offset <= file_size && segment.file_size <= file_size - segment.offset);
    BOXLITE_CHECK(segment.file_size <= segment.memory_size);
    end = segment.address + segment.memory_size;
  }
}

bool IsCode(const ElfImage& image, uint64_t address) {
  return std::any_of(image.segments.begin(), image.segments.end(), [=](const ElfSegment& segment) {
    return segment.executable && address >= segment.address &&
           address < segment.address + segment.file_size;
  });
}

// The file's bytes are there to the last one, and nothing but zeros up to the segment's end.
void CheckLoaded(const GuestMemory& memory, const ElfSegment& segment, ByteSpan file) {
  Bytes loaded(segment.memory_size);
  BOXLITE_CHECK(memory.Read(segment.address, loaded));
  ByteSpan wanted = file.subspan(segment.offset, segment.file_size);
  BOXLITE_CHECK(std::equal(wanted.begin(), wanted.end(), loaded.begin()));
  BOXLITE_CHECK(std::all_of(loaded.begin() + static_cast<ptrdiff_t>(wanted.size()), loaded.end(),
                            [](uint8_t byte) { return byte == 0; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteSpan bytes(data, size);
  UniqueFd file = sys::MemoryFile("kernel", bytes).TakeValue();
  Result<ElfImage> image = ReadElf(file.get(), kMemory);
  if (image.ok()) Check(image.value(), size);
  auto memory = GuestMemory::Create(kMemory).TakeValue();
  BootFiles files;
  files.kernel = file.get();
  files.initramfs = file.get();
  files.command_line = "quiet";
  Result<BootEntry> entry = LoadGuest(*memory, files);
  BOXLITE_CHECK(!entry.ok() || image.ok());
  if (!entry.ok()) return 0;
  for (const ElfSegment& segment : image.value().segments) CheckLoaded(*memory, segment, bytes);
  BOXLITE_CHECK(IsCode(image.value(), entry.value().address));
  BOXLITE_CHECK((entry.value().mode == BootMode::kPvh) == image.value().pvh_entry.has_value());
  return 0;
}
