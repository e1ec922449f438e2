// The contents of an ext4 directory: blocks of entries, each entry
//
//   inode u32 | entry length u16 | name length u8 | type u8 | name, padded to 4
//
// The last entry of a block reaches to its end. A small directory is a list with "." and ".."
// first. A large one has an index, a tree over hashes of the names:
//
//   block 0    "." and ".." as entries, behind them the tree's root, hidden in what ".." covers
//   then       where the root has no room for all leaves: nodes, each in what looks like one
//              unused entry
//   then       leaves: blocks of entries, sorted by hash
//
// A node is (hash, block) pairs; the block holds the names from that hash on. The first pair's hash
// is left out for the count and the limit of the node. A leaf that begins with the hash the one
// before it ended with has the lowest bit of its hash set.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace boxlite::image {

using HashSeed = std::array<uint32_t, 4>;  // s_hash_seed

struct DirectoryEntry {
  uint32_t inode = 0;
  uint8_t type = 0;  // EXT2_FT_*
  std::string_view name;
};

struct Directory {
  Bytes blocks;  // whole blocks
  bool indexed = false;
};

// `entries` are unique, without "." and "..".
Directory BuildDirectory(uint32_t self, uint32_t parent, const std::vector<DirectoryEntry>& entries,
                         const HashSeed& seed);

}  // namespace boxlite::image
