// A layer: a tar archive that is applied to the tree, its file contents written to the output as
// they come.
//
// Whiteouts are empty files with a name of their own: ".wh.NAME" hides NAME of the lower layers,
// ".wh..wh..opq" everything that the lower layers have in its directory; other names that begin
// with ".wh..wh." are leftovers of aufs and mean nothing.
//
// Not taken over: character device 0:0 and "trusted.overlay.*" attributes, on which overlayfs in
// the guest would act; attributes of name spaces that ext4 does not have.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "image/data_writer.h"
#include "image/limits.h"
#include "image/tar_reader.h"
#include "image/tree.h"

namespace boxlite::image {

// What all layers together may have, and have.
struct Budget {
  uint64_t max_entries = kMaxEntries;
  uint64_t max_bytes = kMaxUnpackedBytes;
  uint64_t entries = 0;
  uint64_t bytes = 0;  // of file data
};

// Reads `next` to its end, also what follows the archive. Errors name the entry.
Result<void> ApplyLayer(const NextBytes& next, Tree& tree, DataWriter& data, Budget& budget);

}  // namespace boxlite::image
