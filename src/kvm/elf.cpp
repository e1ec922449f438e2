#include "kvm/elf.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/sys.h"

namespace boxlite::kvm {
namespace {

constexpr size_t kMaxHeaders = 64;
constexpr uint64_t kMaxNotes = 64 * 1024;  // bytes of one segment of notes

// XEN_ELFNOTE_PHYS32_ENTRY, of the owner "Xen".
constexpr uint32_t kPhys32Entry = 18;
constexpr char kXen[] = "Xen";

Error Broken(const char* what) {
  return Error(Code::kInvalidArgument, std::string("the kernel is not an image to boot: ") + what,
               "it has to be an uncompressed ELF executable for x86-64 (a vmlinux)");
}

template <typename T>
Result<T> ReadStruct(int file, uint64_t offset) {
  T value{};
  size_t count = BOXLITE_TRY(sys::ReadAt(file, &value, sizeof value, offset));
  if (count != sizeof value) return Broken("it ends too early");
  return value;
}

Result<void> CheckHeader(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return Broken("it is no ELF file");
  bool ours = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
              header.e_machine == EM_X86_64 && header.e_type == ET_EXEC;
  if (!ours) return Broken("it is for another kind of machine, or no executable");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > kMaxHeaders)
    return Broken("its program headers are not to be read");
  return {};
}

Result<void> AddSegment(const Elf64_Phdr& header, uint64_t file_size, uint64_t memory_size,
                        ElfImage& image) {
  uint64_t file_end = 0, memory_end = 0;
  if (__builtin_add_overflow(header.p_offset, header.p_filesz, &file_end) || file_end > file_size)
    return Broken("a segment passes the end of the file");
  if (header.p_filesz > header.p_memsz) return Broken("a segment is larger than its memory");
  bool wraps = __builtin_add_overflow(header.p_paddr, header.p_memsz, &memory_end);
  if (wraps || memory_end > memory_size)
    return Error(Code::kInvalidArgument, "the kernel does not fit into the box's memory",
                 "give the box more memory");
  if (header.p_memsz == 0) return {};
  image.segments.push_back({header.p_paddr, header.p_offset, header.p_filesz, header.p_memsz,
                            (header.p_flags & PF_W) != 0, (header.p_flags & PF_X) != 0});
  return {};
}

uint64_t PadToWord(uint64_t size) {
  return (size + 3) & ~uint64_t{3};
}

// The value of the first note that names the 32-bit entry.
std::optional<uint32_t> FindPvhEntry(ByteSpan notes) {
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data(), sizeof note);
    notes = notes.subspan(sizeof note);
    uint64_t name = PadToWord(note.n_namesz), value = PadToWord(note.n_descsz);
    if (name > notes.size() || value > notes.size() - name) return std::nullopt;
    bool found = note.n_type == kPhys32Entry && note.n_namesz == sizeof kXen &&
                 std::memcmp(notes.data(), kXen, sizeof kXen) == 0 && note.n_descsz >= 4;
    if (found) return LoadLe<uint32_t>(notes.data() + name);
    notes = notes.subspan(name + value);
  }
  return std::nullopt;
}

Result<void> ReadNotes(int file, const Elf64_Phdr& header, uint64_t file_size, ElfImage& image) {
  if (header.p_offset > file_size || header.p_filesz > file_size - header.p_offset)
    return Broken("its notes pass the end of the file");
  if (image.pvh_entry || header.p_filesz > kMaxNotes) return {};
  Bytes notes(header.p_filesz);
  size_t count = BOXLITE_TRY(sys::ReadAt(file, notes.data(), notes.size(), header.p_offset));
  image.pvh_entry = FindPvhEntry(ByteSpan(notes).first(count));
  return {};
}

Result<void> CheckOverlaps(ElfImage& image) {
  auto& segments = image.segments;
  std::sort(segments.begin(), segments.end(),
            [](const ElfSegment& a, const ElfSegment& b) { return a.address < b.address; });
  for (size_t i = 1; i < segments.size(); ++i) {
    if (segments[i].address - segments[i - 1].address < segments[i - 1].memory_size)
      return Broken("two segments overlap");
  }
  if (segments.empty()) return Broken("there is nothing to load");
  return {};
}

// Bytes of the file are there, and not the zeros behind them.
Result<void> CheckEntry(const ElfImage& image) {
  uint64_t entry = image.pvh_entry ? *image.pvh_entry : image.entry;
  bool found =
      std::any_of(image.segments.begin(), image.segments.end(), [entry](const ElfSegment& segment) {
        return segment.executable && entry >= segment.address &&
               entry - segment.address < segment.file_size;
      });
  if (found) return {};
  return Broken(image.pvh_entry ? "its 32-bit entry (PVH) is in no executable segment"
                                : "its entry is in no executable segment");
}

}  // namespace

Result<ElfImage> ReadElf(int file, uint64_t memory_size) {
  auto file_size = static_cast<uint64_t>(BOXLITE_TRY(sys::Stat(file)).st_size);
  Elf64_Ehdr header = BOXLITE_TRY(ReadStruct<Elf64_Ehdr>(file, 0));
  BOXLITE_TRY(CheckHeader(header));
  ElfImage image;
  image.entry = header.e_entry;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    uint64_t at = 0;
    if (__builtin_add_overflow(header.e_phoff, i * sizeof(Elf64_Phdr), &at) || at > file_size)
      return Broken("it ends too early");
    Elf64_Phdr program = BOXLITE_TRY(ReadStruct<Elf64_Phdr>(file, at));
    if (program.p_type == PT_LOAD) BOXLITE_TRY(AddSegment(program, file_size, memory_size, image));
    if (program.p_type == PT_NOTE) BOXLITE_TRY(ReadNotes(file, program, file_size, image));
  }
  BOXLITE_TRY(CheckOverlaps(image));
  BOXLITE_TRY(CheckEntry(image));
  return image;
}

}  // namespace boxlite::kvm
