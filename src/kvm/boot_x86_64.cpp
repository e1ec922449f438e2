#include "kvm/boot_x86_64.h"

#include <sys/types.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/sys.h"
#include "kvm/elf.h"
#include "kvm/layout.h"
#include "kvm/mp_table_x86_64.h"

namespace boxlite::kvm {
namespace {

constexpr uint64_t kMaxInitramfs = 256 * 1024 * 1024;
constexpr uint64_t kCopyPiece = 1024 * 1024;

struct Range {
  uint64_t address = 0;
  uint64_t size = 0;
};

struct MemoryMapEntry {
  uint64_t address;
  uint64_t size;
  uint32_t type;
};
constexpr uint32_t kUsable = 1, kReserved = 2;

Error NoRoom(const char* what) {
  return Error(Code::kInvalidArgument, std::string(what) + " does not fit into the box's memory",
               "give the box more memory");
}

Result<void> Put(GuestMemory& memory, uint64_t address, ByteSpan bytes) {
  if (!memory.Write(address, bytes)) return NoRoom("what the kernel starts with");
  return {};
}

struct FilePart {
  int file = -1;
  uint64_t offset = 0;
  uint64_t size = 0;
  const char* name = "";
};

// Fills guest memory straight from a file: large pages take it as it comes.
Result<void> CopyFromFile(GuestMemory& memory, uint64_t address, FilePart part) {
  while (part.size > 0) {
    auto into = memory.Vector(address, std::min(part.size, kCopyPiece));
    if (!into) return NoRoom(part.name);
    size_t count = BOXLITE_TRY(sys::ReadAt(part.file, into->iov_base, into->iov_len, part.offset));
    if (count == 0)
      return Error(Code::kInvalidArgument, std::string(part.name) + " ends before its length");
    address += count;
    part.offset += count;
    part.size -= count;
  }
  return {};
}

// What the kernel does not write is mapped from its file, so that all boxes share it and nothing is
// copied; the edges that do not fill a page, and what it writes, are copied.
Result<void> LoadSegment(GuestMemory& memory, int file, const ElfSegment& segment) {
  uint64_t done = 0;
  bool mappable =
      !segment.writable && segment.address % kPageSize == 0 && segment.offset % kPageSize == 0;
  if (mappable) {
    done = segment.file_size / kPageSize * kPageSize;
    if (done > 0) BOXLITE_TRY(memory.MapFile(segment.address, done, file, segment.offset));
  }
  return CopyFromFile(memory, segment.address + done,
                      {file, segment.offset + done, segment.file_size - done, "the kernel"});
}

Result<uint64_t> LoadKernel(GuestMemory& memory, int file, const ElfImage& image) {
  uint64_t end = 0;
  for (const ElfSegment& segment : image.segments) {
    if (segment.address < kHighStart)
      return Error(Code::kInvalidArgument, "the kernel is linked to run below 1 MiB",
                   "link it to 16 MiB, as Linux is");
    BOXLITE_TRY(LoadSegment(memory, file, segment));
    end = std::max(end, segment.address + segment.memory_size);
  }
  return end;
}

// At the end of low memory, where the kernel's own early memory does not reach.
Result<Range> LoadInitramfs(GuestMemory& memory, int file, uint64_t kernel_end) {
  if (file < 0) return Range{};
  auto size = static_cast<uint64_t>(BOXLITE_TRY(sys::Stat(file)).st_size);
  uint64_t low_end = memory.regions().front().size;
  if (size > kMaxInitramfs)
    return Error(Code::kInvalidArgument, "the initramfs is larger than 256 MiB");
  if (size > low_end) return NoRoom("the initramfs");
  uint64_t address = (low_end - size) / kPageSize * kPageSize;
  if (address < kernel_end) return NoRoom("the initramfs");
  BOXLITE_TRY(CopyFromFile(memory, address, {file, 0, size, "the initramfs"}));
  return Range{address, size};
}

Result<void> PutCommandLine(GuestMemory& memory, const std::string& line) {
  if (line.size() >= kCommandLineLimit)
    return Error(Code::kInvalidArgument, "the kernel's command line is too long");
  // With the zero byte at its end.
  return Put(memory, kCommandLine,
             {reinterpret_cast<const uint8_t*>(line.c_str()), line.size() + 1});
}

std::vector<MemoryMapEntry> MemoryMap(const GuestMemory& memory) {
  std::vector<MemoryMapEntry> map = {
      {0, kMpTable, kUsable},
      {kMpTable, kLowEnd - kMpTable, kReserved},
      {kHighStart, memory.regions().front().size - kHighStart, kUsable},
  };
  for (size_t i = 1; i < memory.regions().size(); ++i)
    map.push_back({memory.regions()[i].address, memory.regions()[i].size, kUsable});
  return map;
}

// Collects little-endian fields.
class Record {
 public:
  Record& U8(uint8_t value) { return Add(value); }
  Record& U32(uint32_t value) { return Add(value); }
  Record& U64(uint64_t value) { return Add(value); }
  Bytes Take() { return std::move(bytes_); }

 private:
  template <typename T>
  Record& Add(T value) {
    bytes_.resize(bytes_.size() + sizeof value);
    StoreLe(bytes_.data() + bytes_.size() - sizeof value, value);
    return *this;
  }
  Bytes bytes_;
};

Result<void> PutStartInfo(GuestMemory& memory, const Range& initramfs) {
  constexpr uint32_t kMagic = 0x336e'c578, kVersion = 1;
  constexpr uint64_t kModules = kStartInfo + 0x100, kMap = kStartInfo + 0x200;
  std::vector<MemoryMapEntry> map = MemoryMap(memory);
  Record info, module, entries;
  info.U32(kMagic).U32(kVersion).U32(0);
  info.U32(initramfs.size > 0 ? 1 : 0).U64(kModules);
  info.U64(kCommandLine).U64(0);  // no ACPI
  info.U64(kMap).U32(static_cast<uint32_t>(map.size())).U32(0);
  module.U64(initramfs.address).U64(initramfs.size).U64(0).U64(0);
  for (const auto& entry : map) entries.U64(entry.address).U64(entry.size).U32(entry.type).U32(0);
  BOXLITE_TRY(Put(memory, kStartInfo, info.Take()));
  BOXLITE_TRY(Put(memory, kModules, module.Take()));
  return Put(memory, kMap, entries.Take());
}

// Fields of boot_params, by their offsets in it.
Result<void> PutZeroPage(GuestMemory& memory, const Range& initramfs) {
  constexpr size_t kMapCount = 0x1e8, kMap = 0x2d0, kMapEntry = 20;
  constexpr size_t kBootFlag = 0x1fe, kHeaderMagic = 0x202, kLoaderType = 0x210;
  constexpr size_t kRamdiskImage = 0x218, kRamdiskSize = 0x21c, kCommandLinePointer = 0x228;
  Bytes page(kPageSize);
  std::vector<MemoryMapEntry> map = MemoryMap(memory);
  page[kMapCount] = static_cast<uint8_t>(map.size());
  uint8_t* at = page.data() + kMap;
  for (const auto& entry : map) {
    StoreLe(at, entry.address);
    StoreLe(at + 8, entry.size);
    StoreLe(at + 16, entry.type);
    at += kMapEntry;
  }
  StoreLe(page.data() + kBootFlag, uint16_t{0xaa55});
  StoreLe(page.data() + kHeaderMagic, uint32_t{0x5372'6448});  // "HdrS"
  page[kLoaderType] = 0xff;                                    // none that has a number
  StoreLe(page.data() + kRamdiskImage, static_cast<uint32_t>(initramfs.address));
  StoreLe(page.data() + kRamdiskSize, static_cast<uint32_t>(initramfs.size));
  StoreLe(page.data() + kCommandLinePointer, static_cast<uint32_t>(kCommandLine));
  return Put(memory, kZeroPage, page);
}

}  // namespace

Result<BootEntry> LoadGuest(GuestMemory& memory, const BootFiles& files) {
  if (files.cpus == 0 || files.cpus > kMaxMpCpus)
    return Error(Code::kInvalidArgument,
                 "the kvm engine has 1 to " + std::to_string(kMaxMpCpus) + " processors");
  ElfImage image = BOXLITE_TRY(ReadElf(files.kernel, memory.regions().front().size));
  uint64_t kernel_end = BOXLITE_TRY(LoadKernel(memory, files.kernel, image));
  Range initramfs = BOXLITE_TRY(LoadInitramfs(memory, files.initramfs, kernel_end));
  BOXLITE_TRY(PutCommandLine(memory, files.command_line));
  BOXLITE_TRY(Put(memory, kMpTable, MpTable(files.cpus)));
  if (image.pvh_entry) {
    BOXLITE_TRY(PutStartInfo(memory, initramfs));
    return BootEntry{BootMode::kPvh, *image.pvh_entry, kStartInfo};
  }
  BOXLITE_TRY(PutZeroPage(memory, initramfs));
  return BootEntry{BootMode::kLong64, image.entry, kZeroPage};
}

}  // namespace boxlite::kvm
