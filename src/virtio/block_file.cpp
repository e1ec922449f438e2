#include "virtio/block_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/sys.h"

namespace boxlite::virtio {
namespace {

// Of one system call; a request that has more takes several.
constexpr size_t kMaxVectors = 256;
constexpr uint64_t kZeroPiece = 64 * 1024;

// Where a transfer is: what is left of the segments.
class Cursor {
 public:
  // NOLINTNEXTLINE(*-member-init): vectors are filled before they are read
  Cursor(const kvm::GuestMemory& memory, std::span<const Segment> segments)
      : memory_(memory), segments_(segments) {}

  // The next vectors; none at the end, and none where a segment is not in memory.
  std::span<iovec> Next() {
    size_t count = 0;
    bytes_ = 0;
    uint64_t skipped = skip_;
    for (const Segment& segment : segments_.first(std::min(segments_.size(), kMaxVectors))) {
      auto range = memory_.Vector(segment.address + skipped, segment.length - skipped);
      if (!range) break;
      skipped = 0;
      bytes_ += range->iov_len;
      vectors_[count++] = *range;
    }
    count_ = count;
    return std::span(vectors_).first(count);
  }

  // Of the last vectors this many bytes were moved: mostly all.
  void Advance(uint64_t moved) {
    if (moved == bytes_) {
      segments_ = segments_.subspan(count_);
      skip_ = 0;
      return;
    }
    skip_ += moved;
    while (!segments_.empty() && skip_ >= segments_.front().length) {
      skip_ -= segments_.front().length;
      segments_ = segments_.subspan(1);
    }
  }

  bool done() const { return segments_.empty(); }

 private:
  const kvm::GuestMemory& memory_;
  std::span<const Segment> segments_;
  uint64_t skip_ = 0;   // of the first segment
  uint64_t bytes_ = 0;  // in the last vectors
  size_t count_ = 0;    // the last vectors
  std::array<iovec, kMaxVectors> vectors_;
};

// `transfer(vectors, offset)` is a system call that moves some bytes. One that moves none is the
// end of a file that somebody cut, and the end of trying.
template <typename Transfer>
Result<void> MoveAll(Cursor cursor, uint64_t offset, const char* what, Transfer transfer) {
  while (!cursor.done()) {
    std::span<iovec> vectors = cursor.Next();
    ssize_t moved = vectors.empty() ? 0 : transfer(vectors, static_cast<off_t>(offset));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return sys::ErrnoError(what);
    if (moved == 0) return sys::ErrnoError(what, EIO);
    offset += static_cast<uint64_t>(moved);
    cursor.Advance(static_cast<uint64_t>(moved));
  }
  return {};
}

Result<void> Allocate(int file, int mode, uint64_t offset, uint64_t length) {
  for (;;) {
    if (::fallocate(file, mode | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(length)) == 0)
      return {};
    if (errno != EINTR) return sys::ErrnoError("free a disk's space");
  }
}

// EINVAL: a file system that knows the call but not this mode of it.
bool CannotDo(const Error& error) {
  return error.os_errno() == EOPNOTSUPP || error.os_errno() == ENOSYS || error.os_errno() == EINVAL;
}

Result<void> WriteZeros(int file, uint64_t offset, uint64_t length) {
  static constexpr std::array<uint8_t, kZeroPiece> kZeros{};
  while (length > 0) {
    auto piece = std::min<uint64_t>(length, kZeros.size());
    BOXLITE_TRY(sys::WriteAllAt(file, ByteSpan(kZeros).first(piece), offset));
    offset += piece;
    length -= piece;
  }
  return {};
}

}  // namespace

Result<BlockFile> BlockFile::Create(UniqueFd file) {
  struct stat status = BOXLITE_TRY(sys::Stat(file.get()));
  if (!S_ISREG(status.st_mode)) return Error(Code::kInvalidArgument, "a disk is no regular file");
  return BlockFile(std::move(file), static_cast<uint64_t>(status.st_size));
}

Result<void> BlockFile::Read(kvm::GuestMemory& memory, std::span<const Segment> into,
                             uint64_t offset) const {
  return MoveAll(Cursor(memory, into), offset, "read a disk",
                 [fd = file_.get()](std::span<iovec> vectors, off_t at) {
                   return ::preadv2(fd, vectors.data(), static_cast<int>(vectors.size()), at, 0);
                 });
}

Result<void> BlockFile::Write(kvm::GuestMemory& memory, std::span<const Segment> from,
                              uint64_t offset, Durability durability) const {
  int flags = durability == Durability::kOnDisk ? RWF_DSYNC : 0;
  return MoveAll(Cursor(memory, from), offset, "write a disk",
                 [fd = file_.get(), flags](std::span<iovec> vectors, off_t at) {
                   return ::pwritev2(fd, vectors.data(), static_cast<int>(vectors.size()), at,
                                     flags);
                 });
}

Result<void> BlockFile::Flush() const {
  while (::fdatasync(file_.get()) < 0)
    if (errno != EINTR) return sys::ErrnoError("flush a disk");
  return {};
}

Result<void> BlockFile::Zero(uint64_t offset, uint64_t length, Space space,
                             Durability durability) const {
  int mode = space == Space::kGiveBack ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
  Result<void> zeroed = Allocate(file_.get(), mode, offset, length);
  if (!zeroed.ok() && !CannotDo(zeroed.error())) return zeroed;
  if (!zeroed.ok()) BOXLITE_TRY(WriteZeros(file_.get(), offset, length));
  return durability == Durability::kOnDisk ? Flush() : Result<void>();
}

Result<void> BlockFile::Discard(uint64_t offset, uint64_t length) const {
  Result<void> punched = Allocate(file_.get(), FALLOC_FL_PUNCH_HOLE, offset, length);
  if (!punched.ok() && !CannotDo(punched.error())) return punched;
  return {};  // A discard is a hint.
}

}  // namespace boxlite::virtio
