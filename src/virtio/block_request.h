// What a driver asks of a block device (virtio 1.2, section 5.2.6): a header of 16 bytes, data, and
// one byte for the status, cut into buffers in whatever way. Parsing is apart from doing: parsing
// reads the chain once, and what it gives is all that doing looks at.
//
// Thread rule: values; Parse and Perform may run on any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kvm/guest_memory.h"
#include "virtio/block_file.h"
#include "virtio/chain.h"

namespace boxlite::virtio {

constexpr uint64_t kSectorSize = 512;

// As the configuration announces them, and as they are enforced.
struct BlockLimits {
  static constexpr uint32_t kMaxSegments = 254;  // of data in one request
  static constexpr uint32_t kMaxSegmentBytes =
      256 * 1024;  // so that no request passes a chain's bound
  static constexpr uint32_t kMaxDiscardSectors = 1u << 21;  // 1 GiB; a hole is cheap
  static constexpr uint32_t kMaxDiscardRanges = 1;
  static constexpr uint32_t kMaxZeroSectors = 1u << 15;  // 16 MiB, which may have to be written
  static constexpr uint32_t kMaxZeroRanges = 1;
};

enum class BlockStatus : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

enum class BlockOperation : uint32_t {
  kIn = 0,
  kOut = 1,
  kFlush = 4,
  kGetId = 8,
  kDiscard = 11,
  kWriteZeroes = 13,
};

struct BlockRequest {
  uint16_t head = 0;
  uint32_t type = 0;  // a BlockOperation or anything else
  uint64_t sector = 0;
  std::vector<Segment> data;
  uint64_t data_bytes = 0;
  bool fills = false;           // the device writes the data
  uint64_t writable_bytes = 0;  // of the whole chain
  uint64_t status_address = 0;

  // An error where the chain has no room for a header or for a status.
  static Result<BlockRequest> Parse(const kvm::GuestMemory& memory, Chain chain);
};

// What requests are done to.
struct BlockTarget {
  kvm::GuestMemory& memory;
  const BlockFile& file;
  uint64_t sectors = 0;
  bool read_only = false;
  bool write_through = false;  // the driver does not know FLUSH
  std::string_view id;
};

struct BlockOutcome {
  BlockStatus status = BlockStatus::kOk;
  uint32_t written = 0;  // for Queue::Push
};

// Does the request, and writes its status. Blocks on the disk.
BlockOutcome Perform(const BlockTarget& target, const BlockRequest& request);

}  // namespace boxlite::virtio
