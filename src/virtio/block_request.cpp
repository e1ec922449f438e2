#include "virtio/block_request.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace boxlite::virtio {
namespace {

constexpr size_t kHeaderSize = 16;
constexpr size_t kIdSize = 20;
constexpr size_t kRangeSize = 16;
constexpr uint32_t kFlagUnmap = 1;

// The part of the disk, in bytes; nothing where it is not on the disk.
std::optional<uint64_t> OffsetOf(const BlockTarget& target, uint64_t sector, uint64_t sectors) {
  uint64_t end = 0;
  if (__builtin_add_overflow(sector, sectors, &end) || end > target.sectors) return std::nullopt;
  return sector * kSectorSize;
}

BlockStatus StatusOf(const Result<void>& done) {
  return done.ok() ? BlockStatus::kOk : BlockStatus::kIoError;
}

BlockStatus Transfer(const BlockTarget& target, const BlockRequest& request, bool write) {
  auto offset = OffsetOf(target, request.sector, request.data_bytes / kSectorSize);
  bool whole = request.data_bytes % kSectorSize == 0;
  if (!offset || !whole || (write && target.read_only)) return BlockStatus::kIoError;
  if (!write) return StatusOf(target.file.Read(target.memory, request.data, *offset));
  auto durability =
      target.write_through ? BlockFile::Durability::kOnDisk : BlockFile::Durability::kCached;
  return StatusOf(target.file.Write(target.memory, request.data, *offset, durability));
}

struct Range {
  uint64_t sector = 0;
  uint32_t sectors = 0;
  uint32_t flags = 0;
};

// All of the ranges are checked before the first is touched.
BlockStatus CheckRange(const BlockTarget& target, const Range& range, bool zero) {
  uint32_t known = zero ? kFlagUnmap : 0;
  if ((range.flags & ~known) != 0) return BlockStatus::kUnsupported;
  uint32_t limit = zero ? BlockLimits::kMaxZeroSectors : BlockLimits::kMaxDiscardSectors;
  bool fits = range.sectors <= limit && OffsetOf(target, range.sector, range.sectors);
  return fits ? BlockStatus::kOk : BlockStatus::kIoError;
}

Result<void> FreeRange(const BlockTarget& target, const Range& range, bool zero) {
  if (range.sectors == 0) return {};
  uint64_t offset = range.sector * kSectorSize;
  uint64_t length = uint64_t{range.sectors} * kSectorSize;
  if (!zero) return target.file.Discard(offset, length);
  auto durability =
      target.write_through ? BlockFile::Durability::kOnDisk : BlockFile::Durability::kCached;
  auto space =
      (range.flags & kFlagUnmap) != 0 ? BlockFile::Space::kGiveBack : BlockFile::Space::kKeep;
  return target.file.Zero(offset, length, space, durability);
}

BlockStatus FreeRanges(const BlockTarget& target, const BlockRequest& request, bool zero) {
  size_t limit = zero ? BlockLimits::kMaxZeroRanges : BlockLimits::kMaxDiscardRanges;
  std::array<uint8_t, BlockLimits::kMaxDiscardRanges * kRangeSize> raw{};
  bool whole = request.data_bytes % kRangeSize == 0 && request.data_bytes > 0;
  if (target.read_only || !whole || request.data_bytes > limit * kRangeSize)
    return BlockStatus::kIoError;
  size_t size = CopyFrom(target.memory, request.data, 0, raw);
  ByteReader reader(ByteSpan(raw).first(size));
  std::vector<Range> ranges;
  while (!reader.empty()) {
    Range range{reader.Take<uint64_t>(), reader.Take<uint32_t>(), reader.Take<uint32_t>()};
    BlockStatus checked = CheckRange(target, range, zero);
    if (checked != BlockStatus::kOk) return checked;
    ranges.push_back(range);
  }
  for (const Range& range : ranges)
    if (!FreeRange(target, range, zero).ok()) return BlockStatus::kIoError;
  return BlockStatus::kOk;
}

BlockStatus GiveId(const BlockTarget& target, const BlockRequest& request) {
  std::array<uint8_t, kIdSize> id{};
  std::copy_n(target.id.begin(), std::min(target.id.size(), id.size()), id.begin());
  size_t given = CopyTo(target.memory, request.data, id);
  return given == id.size() ? BlockStatus::kOk : BlockStatus::kIoError;
}

BlockStatus Do(const BlockTarget& target, const BlockRequest& request) {
  switch (static_cast<BlockOperation>(request.type)) {
    case BlockOperation::kIn:
      return Transfer(target, request, false);
    case BlockOperation::kOut:
      return Transfer(target, request, true);
    case BlockOperation::kFlush:
      return target.read_only ? BlockStatus::kOk : StatusOf(target.file.Flush());
    case BlockOperation::kGetId:
      return GiveId(target, request);
    case BlockOperation::kDiscard:
      return FreeRanges(target, request, false);
    case BlockOperation::kWriteZeroes:
      return FreeRanges(target, request, true);
  }
  return BlockStatus::kUnsupported;
}

}  // namespace

Result<BlockRequest> BlockRequest::Parse(const kvm::GuestMemory& memory, Chain chain) {
  std::array<uint8_t, kHeaderSize> header{};
  if (CopyFrom(memory, chain.readable(), 0, header) < header.size() || chain.writable_bytes == 0)
    return Error(Code::kInvalidArgument, "the driver makes a request without header or status");
  ByteReader reader(header);
  BlockRequest request;
  request.head = chain.head;
  request.writable_bytes = chain.writable_bytes;
  request.type = reader.Take<uint32_t>();
  reader.Take<uint32_t>();  // reserved
  request.sector = reader.Take<uint64_t>();
  const Segment& last = chain.segments.back();
  request.status_address = last.address + last.length - 1;
  auto operation = static_cast<BlockOperation>(request.type);
  request.fills = operation == BlockOperation::kIn || operation == BlockOperation::kGetId;
  uint64_t before = request.fills ? chain.readable_bytes : kHeaderSize;
  request.data_bytes =
      request.fills ? chain.writable_bytes - 1 : chain.readable_bytes - kHeaderSize;
  request.data = Slice(std::move(chain.segments), before, request.data_bytes);
  return request;
}

BlockOutcome Perform(const BlockTarget& target, const BlockRequest& request) {
  BlockOutcome outcome;
  outcome.status = Do(target, request);
  auto status = static_cast<uint8_t>(outcome.status);
  bool told = target.memory.Store<uint8_t>(request.status_address, status);
  // Bytes are promised from the first on: all of them, or where the status stands alone that one.
  bool filled = request.fills && outcome.status == BlockStatus::kOk;
  if (told && (filled || request.writable_bytes == 1))
    outcome.written = static_cast<uint32_t>(request.writable_bytes);
  return outcome;
}

}  // namespace boxlite::virtio
