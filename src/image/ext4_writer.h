// Writes a merged tree, whose file contents are in the output already, as a read-only ext4.
//
// The output, in blocks:
//
//   0        super block
//   1 …      group descriptors, room for kFirstDataBlock - 1 blocks of them
//   16 …     file contents, as they came out of the layers
//   then     directories, long symbolic links, extent trees, room for attributes
//   then     for each group its two bitmaps, then all inode tables as one array
//
// What ext4 puts into each group lies together at the end (flex_bg allows it), so that contents can
// be written before their amount is known. There are no backups of the super block (sparse_super2)
// and no journal: the image is derived from blobs and never written again. Inodes are numbered in
// depth-first name order, times and identifiers come from the content, so the same layers give the
// same bytes.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "image/data_writer.h"
#include "image/tree.h"

namespace boxlite::image {

constexpr uint64_t kFirstDataBlock = 16;
constexpr size_t kSeedSize = 32;

// `data` wrote the tree's files to `fd` from kFirstDataBlock on. `seed` gives the image its
// identity. The file at `fd` must be new: what is not written reads as zeros.
Result<void> WriteExt4(int fd, const Tree& tree, DataWriter& data,
                       const std::array<uint8_t, kSeedSize>& seed);

}  // namespace boxlite::image
