// ByteSource: a stream of bytes that is pulled. Sources are stacked: a file, a decompressor over
// it, and the archive reader pulls. One that decompresses answers Code::kImage for a stream that is
// damaged, truncated or beyond the limits.
//
// Thread rule: a source and what is below it belong to one thread at a time.
#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "image/limits.h"

namespace boxlite::image {

class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // At most `size` bytes; 0 at the end.
  virtual Result<size_t> Read(uint8_t* data, size_t size) = 0;
};

// Reads a descriptor from its beginning to its end. `fd` outlives the source.
std::unique_ptr<ByteSource> MakeFileSource(int fd);
// Reads on from where the descriptor stands; a pipe will do, also one that does not block. `fd`
// outlives the source.
std::unique_ptr<ByteSource> MakeStreamSource(int fd);
// `bytes` outlive the source.
std::unique_ptr<ByteSource> MakeMemorySource(ByteSpan bytes);

// The end of a layer's media type ("", "+gzip", "+zstd") for a blob that begins with `head`, 4
// bytes.
std::string_view CompressionSuffix(ByteSpan head);

// What `below` unpacks to. The form is read from its first bytes (gzip, zstd, else it is taken as
// it is), as media types are not to be relied upon. `below` outlives the source.
Result<std::unique_ptr<ByteSource>> MakeUnpacker(ByteSource& below, const Limits& limits = {});

}  // namespace boxlite::image
