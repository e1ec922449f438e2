// The block map of an ext4 inode: the 60 bytes of i_block, and the blocks of a tree where four
// extents do not suffice.
//
//   header | extent …          a leaf: runs of blocks of the file
//   header | index …           above: the first block of the file that a lower node covers
//
// Each node starts with a header of 12 bytes; entries are 12 bytes, in the file's order. The root
// has room for 4, a block for 340. The tree is built bottom up and full, so its size is known from
// the number of extents.
#pragma once

#include <array>
#include <vector>

#include "base/result.h"
#include "image/data_writer.h"
#include "image/tree.h"

namespace boxlite::image {

constexpr size_t kInlineBlockMap = 60;

struct BlockMap {
  std::array<uint8_t, kInlineBlockMap> root{};
  std::vector<uint64_t> tree_blocks;  // used for nodes
};

// Writes the nodes through `out`.
Result<BlockMap> BuildBlockMap(const std::vector<Extent>& extents, DataWriter& out);

}  // namespace boxlite::image
