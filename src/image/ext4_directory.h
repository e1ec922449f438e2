// The contents of an ext4 directory: blocks of entries, each entry
//
//   inode u32 | entry length u16 | name length u8 | type u8 | name, padded to 4
//
// The last entry of a block reaches to its end. "." and ".." come first.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace boxlite::image {

struct DirectoryEntry {
  uint32_t inode = 0;
  uint8_t type = 0;  // EXT2_FT_*
  std::string_view name;
};

// Whole blocks. `entries` are unique, without "." and "..".
Bytes BuildDirectory(uint32_t self, uint32_t parent, const std::vector<DirectoryEntry>& entries);

}  // namespace boxlite::image
