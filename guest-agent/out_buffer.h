// What waits to be written to the port: bytes are produced straight into it at the end and leave at
// the front.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/bytes.h"

namespace boxlite::agent {

class OutBuffer {
 public:
  // Room for `size` more bytes at the end; valid until the next call.
  uint8_t* Space(size_t size) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (bytes_.size() - end_ < size && begin_ > 0) {
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
  void Consume(size_t size) { begin_ += size; }
  void Clear() { begin_ = end_ = 0; }

 private:
  Bytes bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace boxlite::agent
