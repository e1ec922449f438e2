// The parts of an ELF executable that a kernel is loaded by. The file is read as a stranger's:
// every number is checked before it is used, and nothing is allocated by a size that it names.
//
// Source: System V ABI, ELF-64; Xen's public/elfnote.h for the PVH entry. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"

namespace boxlite::kvm {

struct ElfSegment {
  uint64_t address = 0;      // of the guest's memory
  uint64_t offset = 0;       // in the file
  uint64_t file_size = 0;    // bytes of the file
  uint64_t memory_size = 0;  // what is beyond them is zero
  bool writable = false;
  bool executable = false;
};

struct ElfImage {
  std::vector<ElfSegment> segments;   // by address, none overlaps another
  uint64_t entry = 0;                 // in 64-bit mode
  std::optional<uint32_t> pvh_entry;  // in 32-bit mode, where the image has one
};

// `memory_size` is the end of the guest's memory below the gap: what does not fit is refused. So is
// an image whose entry, the 32-bit one where there is one, lies in nothing that is executable.
Result<ElfImage> ReadElf(int file, uint64_t memory_size);

}  // namespace boxlite::kvm
