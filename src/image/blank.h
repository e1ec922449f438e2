// BLANK: an empty ext4 for a box to write to. It takes almost no room: bitmaps and inode tables of
// groups that are not used yet are marked as such and never written, and the inode tables are
// marked as zeroed already, which the holes of a new file are. So the guest's kernel has nothing to
// initialize in the background.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "proto/messages.h"

namespace boxlite::image {

// `output` is an empty file; it gets `size` bytes, rounded down to whole blocks.
Result<void> MakeBlank(int output, uint64_t size, proto::Journal journal);

}  // namespace boxlite::image
