// Bytes on their way: produced straight into the end, taken from the front. The memory follows what
// waits: it is at most about four times the most that waited at once, however much passed through.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/bytes.h"

namespace boxlite {

class ByteQueue {
 public:
  // Room for `size` more bytes at the end; valid until the next call.
  uint8_t* Space(size_t size) {
    if (begin_ == end_) begin_ = end_ = 0;
    // Only once as much was taken as there is to move, so that no byte is moved more than twice.
    if (bytes_.size() - end_ < size && begin_ >= end_ - begin_ && begin_ > 0) {
      std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (bytes_.size() - end_ < size) bytes_.resize(end_ + size);
    return bytes_.data() + end_;
  }
  void Commit(size_t size) { end_ += size; }
  void Append(ByteSpan bytes) {
    if (bytes.empty()) return;
    std::memcpy(Space(bytes.size()), bytes.data(), bytes.size());
    Commit(bytes.size());
  }
  ByteSpan waiting() const { return {bytes_.data() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  size_t capacity() const { return bytes_.capacity(); }
  void Consume(size_t size) { begin_ += size; }
  void Clear() { begin_ = end_ = 0; }
  // The same, and gives the memory back.
  void Release() {
    Bytes().swap(bytes_);
    Clear();
  }

 private:
  Bytes bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace boxlite
