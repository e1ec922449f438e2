#include "image/source.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/sys.h"

namespace boxlite::image {
namespace {

class FileSource final : public ByteSource {
 public:
  explicit FileSource(int fd) : fd_(fd) {}

  Result<size_t> Read(uint8_t* data, size_t size) override {
    size_t count = BOXLITE_TRY(sys::ReadAt(fd_, data, size, offset_));
    offset_ += count;
    return count;
  }

 private:
  int fd_;
  uint64_t offset_ = 0;
};

class StreamSource final : public ByteSource {
 public:
  explicit StreamSource(int fd) : fd_(fd) {}

  Result<size_t> Read(uint8_t* data, size_t size) override {
    for (;;) {
      Result<size_t> count = sys::Read(fd_, data, size);
      if (count.ok() || count.error().os_errno() != EAGAIN) return count;
      pollfd readable{fd_, POLLIN, 0};
      ::poll(&readable, 1, -1);
    }
  }

 private:
  int fd_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(ByteSpan bytes) : rest_(bytes) {}

  Result<size_t> Read(uint8_t* data, size_t size) override {
    size_t count = std::min(size, rest_.size());
    if (count > 0) std::memcpy(data, rest_.data(), count);
    rest_ = rest_.subspan(count);
    return count;
  }

 private:
  ByteSpan rest_;
};

}  // namespace

std::unique_ptr<ByteSource> MakeFileSource(int fd) {
  return std::make_unique<FileSource>(fd);
}

std::unique_ptr<ByteSource> MakeStreamSource(int fd) {
  return std::make_unique<StreamSource>(fd);
}

std::unique_ptr<ByteSource> MakeMemorySource(ByteSpan bytes) {
  return std::make_unique<MemorySource>(bytes);
}

}  // namespace boxlite::image
