// Kernels that are none, made field by field: good ones, and then broken in one place.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/sys.h"

namespace boxlite::kvm {

// Offsets in the file: the program headers follow the header, room for all that a reader takes.
constexpr uint64_t kHeadersOffset = sizeof(Elf64_Ehdr);
constexpr uint64_t kContentOffset = 4096;

constexpr uint32_t kCode = PF_R | PF_X, kReadOnly = PF_R, kWritable = PF_R | PF_W;

inline Bytes Note(std::string_view owner, uint32_t type, ByteSpan value) {
  Bytes note;
  AppendLe(note, static_cast<uint32_t>(owner.size() + 1));
  AppendLe(note, static_cast<uint32_t>(value.size()));
  AppendLe(note, type);
  note.insert(note.end(), owner.begin(), owner.end());
  note.resize(12 + (owner.size() + 1 + 3) / 4 * 4);
  note.insert(note.end(), value.begin(), value.end());
  note.resize((note.size() + 3) / 4 * 4);
  return note;
}

// What Linux has: eight bytes, the upper half zero.
inline Bytes PvhNote(uint32_t entry) {
  Bytes value;
  AppendLe(value, uint64_t{entry});
  return Note("Xen", 18, value);
}

class KernelImage {
 public:
  // Entered at its first segment's beginning, where no other address is named.
  explicit KernelImage(uint64_t entry = 0) {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = entry;
    header.e_phoff = kHeadersOffset;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
  }

  // The content lies at the file's next page, `skip` bytes into it.
  KernelImage& Segment(uint64_t address, Bytes content, uint64_t memory_size,
                       uint32_t flags = kCode, uint64_t skip = 0) {
    Add(PT_LOAD, std::move(content), skip);
    if (header.e_entry == 0) header.e_entry = address;
    programs.back().p_flags = flags;
    programs.back().p_vaddr = programs.back().p_paddr = address;
    programs.back().p_memsz = memory_size;
    return *this;
  }
  KernelImage& Notes(Bytes content) {
    Add(PT_NOTE, std::move(content), 0);
    return *this;
  }

  Bytes Build() const {
    Bytes file(next_);
    std::memcpy(file.data(), &header, sizeof header);
    if (!programs.empty())
      std::memcpy(file.data() + kHeadersOffset, programs.data(),
                  programs.size() * sizeof programs[0]);
    for (const auto& [offset, bytes] : contents_)
      std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<ptrdiff_t>(offset));
    file.resize(end_);
    return file;
  }
  UniqueFd File() const { return sys::MemoryFile("kernel", Build()).TakeValue(); }

  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> programs;

 private:
  void Add(uint32_t type, Bytes content, uint64_t skip) {
    Elf64_Phdr program{};
    program.p_type = type;
    program.p_offset = next_ + skip;
    program.p_filesz = program.p_memsz = content.size();
    programs.push_back(program);
    ++header.e_phnum;
    end_ = next_ + skip + content.size();
    next_ = (end_ + kContentOffset - 1) / kContentOffset * kContentOffset;
    contents_.emplace_back(program.p_offset, std::move(content));
  }

  uint64_t next_ = kContentOffset;  // in the file
  uint64_t end_ = kContentOffset;
  std::vector<std::pair<uint64_t, Bytes>> contents_;
};

}  // namespace boxlite::kvm
