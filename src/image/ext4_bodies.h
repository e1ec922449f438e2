// The parts of an ext4 image that are written before its inodes: directories, long symbolic links
// and extent trees, appended to the output after the file contents. What an inode has to say about
// them is kept until the inode tables are written.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "image/data_writer.h"
#include "image/ext4_directory.h"
#include "image/ext4_extents.h"
#include "image/tree.h"

namespace boxlite::image {

struct Body {
  std::array<uint8_t, kInlineBlockMap> map{};  // i_block
  uint64_t size = 0;                           // i_size
  uint64_t blocks = 0;                         // contents and extent tree
  bool extents = false;                        // `map` is the root of an extent tree
  bool indexed = false;                        // a directory with an index
};

struct Bodies {
  std::vector<uint32_t> numbers;  // inode number by InodeId; 0: none
  std::vector<InodeId> order;     // in the order of their numbers, the root first
  std::vector<Body> bodies;       // as `order`
  std::vector<Extent> metadata;   // blocks used beside the files' contents
  uint64_t attribute_block = 0;   // first of the blocks reserved for attributes, one for each
                                  // inode that has some
};

// The root is inode 2; the others follow the reserved ones in depth-first name order.
Result<Bodies> WriteBodies(const Tree& tree, DataWriter& data, const HashSeed& seed);

}  // namespace boxlite::image
