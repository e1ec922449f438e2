// BlockFile: a disk image, read and written at an offset straight from and to the guest's memory.
// Thread rule: any thread, several at once.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kvm/guest_memory.h"
#include "virtio/chain.h"

namespace boxlite::virtio {

class BlockFile {
 public:
  enum class Durability { kCached, kOnDisk };
  enum class Space { kKeep, kGiveBack };

  // A regular file; kInvalidArgument where it is none.
  static Result<BlockFile> Create(UniqueFd file);

  uint64_t size() const { return size_; }  // when it was opened

  // All of the segments, or an error; also where the file ends before them.
  Result<void> Read(kvm::GuestMemory& memory, std::span<const Segment> into, uint64_t offset) const;
  Result<void> Write(kvm::GuestMemory& memory, std::span<const Segment> from, uint64_t offset,
                     Durability durability) const;
  Result<void> Flush() const;
  // The range reads as zeros afterwards.
  Result<void> Zero(uint64_t offset, uint64_t length, Space space, Durability durability) const;
  // The range's space goes back to the host where its file system can do that.
  Result<void> Discard(uint64_t offset, uint64_t length) const;

 private:
  BlockFile(UniqueFd file, uint64_t size) : file_(std::move(file)), size_(size) {}

  UniqueFd file_;
  uint64_t size_;
};

}  // namespace boxlite::virtio
