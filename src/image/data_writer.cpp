#include "image/data_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/sys.h"
#include "image/write_failed.h"

namespace boxlite::image {
namespace {

constexpr size_t kBufferBytes = 1024 * 1024;
constexpr std::array<uint8_t, kBlockSize> kZeroBlock{};

bool IsZero(const uint8_t* block) {
  return block[0] == 0 && std::memcmp(block, block + 1, kBlockSize - 1) == 0;
}

constexpr std::string_view kImageFile = "the image file";

}  // namespace

DataWriter::DataWriter(int fd, uint64_t first_block)
    : fd_(fd), next_block_(first_block), buffer_block_(first_block) {
  buffer_.reserve(kBufferBytes);
  partial_.reserve(kBlockSize);
}

Result<void> DataWriter::Append(ByteSpan data) {
  if (!partial_.empty()) {
    size_t take = std::min(data.size(), kBlockSize - partial_.size());
    partial_.insert(partial_.end(), data.begin(), data.begin() + static_cast<ptrdiff_t>(take));
    data = data.subspan(take);
    if (partial_.size() < kBlockSize) return {};
    BOXLITE_TRY(CommitBlock(partial_.data()));
    partial_.clear();
  }
  while (data.size() >= kBlockSize) {
    BOXLITE_TRY(CommitBlock(data.data()));
    data = data.subspan(kBlockSize);
  }
  partial_.assign(data.begin(), data.end());
  return {};
}

Result<void> DataWriter::Skip(uint64_t bytes) {
  if (!partial_.empty()) {
    size_t take = std::min<uint64_t>(bytes, kBlockSize - partial_.size());
    BOXLITE_TRY(Append(ByteSpan(kZeroBlock).first(take)));
    bytes -= take;
  }
  zero_run_ += bytes / kBlockSize;
  logical_ += bytes / kBlockSize;
  return Append(ByteSpan(kZeroBlock).first(bytes % kBlockSize));
}

Result<std::vector<Extent>> DataWriter::Finish() {
  if (!partial_.empty()) {
    partial_.resize(kBlockSize);
    BOXLITE_TRY(CommitBlock(partial_.data()));
    partial_.clear();
  }
  logical_ = 0;
  zero_run_ = 0;
  return std::exchange(extents_, {});
}

Result<void> DataWriter::CommitBlock(const uint8_t* block) {
  if (IsZero(block)) {
    ++zero_run_;
    ++logical_;
    return {};
  }
  if (zero_run_ > 0) BOXLITE_TRY(EmitZeros());
  ++logical_;
  return EmitBlock(block);
}

Result<void> DataWriter::EmitZeros() {
  uint64_t count = std::exchange(zero_run_, 0);
  if (count >= kMinHoleBlocks) return {};
  uint64_t end = logical_;
  for (logical_ -= count; logical_ < end;) {
    ++logical_;
    BOXLITE_TRY(EmitBlock(kZeroBlock.data()));
  }
  return {};
}

// Puts the file's block before `logical_` at the end of the output.
Result<void> DataWriter::EmitBlock(const uint8_t* block) {
  uint64_t logical = logical_ - 1;
  bool joins = !extents_.empty() && extents_.back().logical + extents_.back().count == logical &&
               extents_.back().physical + extents_.back().count == next_block_;
  if (joins) {
    ++extents_.back().count;
  } else {
    extents_.push_back({logical, next_block_, 1});
  }
  buffer_.insert(buffer_.end(), block, block + kBlockSize);
  ++next_block_;
  if (buffer_.size() >= kBufferBytes) return Flush();
  return {};
}

Result<uint64_t> DataWriter::AppendBlocks(ByteSpan data) {
  uint64_t first = next_block_;
  buffer_.insert(buffer_.end(), data.begin(), data.end());
  next_block_ += BlocksOf(data.size());
  buffer_.resize((next_block_ - buffer_block_) * kBlockSize);
  if (buffer_.size() >= kBufferBytes) BOXLITE_TRY(Flush());
  return first;
}

Result<uint64_t> DataWriter::Reserve(uint64_t count) {
  BOXLITE_TRY(Flush());
  uint64_t first = next_block_;
  next_block_ += count;
  buffer_block_ = next_block_;
  return first;
}

Result<void> DataWriter::Flush() {
  if (buffer_.empty()) return {};
  Result<void> written = sys::WriteAllAt(fd_, buffer_, buffer_block_ * kBlockSize);
  if (!written.ok()) return WriteFailed(written.TakeError(), kImageFile);
  buffer_.clear();
  buffer_block_ = next_block_;
  return {};
}

Result<void> DataWriter::Release(const std::vector<Extent>& extents) {
  BOXLITE_TRY(Flush());
  for (const Extent& extent : extents) BOXLITE_TRY(Punch(extent));
  return {};
}

Result<void> DataWriter::Punch(const Extent& extent) {
  Result<void> punched =
      sys::PunchHole(fd_, extent.physical * kBlockSize, extent.count * kBlockSize);
  if (punched.ok()) return {};
  if (punched.error().os_errno() != EOPNOTSUPP) return WriteFailed(punched.TakeError(), kImageFile);
  // The file system cannot; zeros keep the bytes a function of the layers alone.
  for (uint64_t i = 0; i < extent.count; ++i) {
    Result<void> written = sys::WriteAllAt(fd_, kZeroBlock, (extent.physical + i) * kBlockSize);
    if (!written.ok()) return WriteFailed(written.TakeError(), kImageFile);
  }
  return {};
}

}  // namespace boxlite::image
