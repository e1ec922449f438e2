// DataWriter: file contents go straight to their final blocks in the output, one file after the
// other, as they come out of a layer. Only the block numbers stay in memory.
//
// A run of at least kMinHoleBlocks zero blocks becomes a hole, whether the archive said so or not.
// What a later layer replaces is punched out of the output again; its blocks stay unused.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "image/tree.h"

namespace boxlite::image {

constexpr size_t kBlockSize = 4096;
constexpr uint64_t kMinHoleBlocks = 16;

inline uint64_t BlocksOf(uint64_t bytes) {
  return (bytes + kBlockSize - 1) / kBlockSize;
}

class DataWriter {
 public:
  // Writes to `fd`, which outlives the writer, from block `first_block` on.
  DataWriter(int fd, uint64_t first_block);

  // One file: any number of Append and Skip, then Finish.
  Result<void> Append(ByteSpan data);
  Result<void> Skip(uint64_t bytes);  // zeros
  Result<std::vector<Extent>> Finish();

  // Whole blocks at the end of the output, for what is not a file's contents; the last one is
  // filled up with zeros. The first block's number.
  Result<uint64_t> AppendBlocks(ByteSpan data);
  // Leaves `count` blocks out. The first one's number.
  Result<uint64_t> Reserve(uint64_t count);

  Result<void> Release(const std::vector<Extent>& extents);
  Result<void> Flush();

  uint64_t next_block() const { return next_block_; }

 private:
  Result<void> CommitBlock(const uint8_t* block);
  Result<void> EmitBlock(const uint8_t* block);
  Result<void> EmitZeros();
  Result<void> Punch(const Extent& extent);

  int fd_;
  uint64_t next_block_;    // that will be given out
  uint64_t buffer_block_;  // of the first byte of buffer_
  Bytes buffer_;           // whole blocks, not written yet

  // the file that is being written
  Bytes partial_;          // less than a block
  uint64_t logical_ = 0;   // block of the file that comes after the zero run
  uint64_t zero_run_ = 0;  // zero blocks before `logical_` that are not decided on
  std::vector<Extent> extents_;
};

}  // namespace boxlite::image
