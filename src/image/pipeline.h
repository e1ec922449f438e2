// Pipeline: a ByteSource that another thread reads ahead, so that decompression and what is done
// with its output share the two halves of a machine. Memory is kChunks buffers of kChunkBytes.
//
// Thread rule: one thread pulls; the source belongs to the pipeline's own thread until the pipeline
// is destroyed. Destruction does not wait for the source to end.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "base/bytes.h"
#include "base/result.h"
#include "image/source.h"

namespace boxlite::image {

constexpr size_t kChunkBytes = 256 * 1024;
constexpr size_t kChunks = 8;

class Pipeline {
 public:
  // `source` outlives the pipeline.
  explicit Pipeline(ByteSource& source);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  ~Pipeline();

  // The next bytes, valid until the next call; empty at the end.
  Result<ByteSpan> Next();

 private:
  void Produce();
  Result<Bytes> ReadChunk(Bytes chunk);

  ByteSource& source_;

  std::mutex mutex_;                 // guards the three below
  std::deque<Result<Bytes>> ready_;  // an empty chunk or an error is the last
  std::deque<Bytes> spare_;
  bool stopped_ = false;
  std::condition_variable changed_;

  std::optional<Bytes> current_;  // what the puller looks at
  std::thread thread_;
};

}  // namespace boxlite::image
