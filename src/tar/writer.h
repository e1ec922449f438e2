// The headers of a tar stream: ustar, with a pax header before it where ustar's fields are too
// small (POSIX.1-2008, pax; sparse files as GNU tar's format 1.0).
//
// Thread rule: values only.
#pragma once

#include "base/bytes.h"
#include "tar/entry.h"

namespace boxlite::tar {

// Everything before the file's bytes: of a sparse file also its map.
void AppendHeader(Bytes& out, const Entry& entry);
// How many bytes of the file follow the header: all, or the extents'.
uint64_t StoredSize(const Entry& entry);
// After `size` bytes of a file: up to the end of the block.
void AppendPadding(Bytes& out, uint64_t size);
void AppendEnd(Bytes& out);

}  // namespace boxlite::tar
