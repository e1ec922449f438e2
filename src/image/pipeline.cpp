#include "image/pipeline.h"

#include <utility>

namespace boxlite::image {

Pipeline::Pipeline(ByteSource& source) : source_(source) {
  spare_.resize(kChunks);
  thread_ = std::thread([this] { Produce(); });
}

Pipeline::~Pipeline() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<Bytes> Pipeline::ReadChunk(Bytes chunk) {
  chunk.resize(kChunkBytes);
  size_t filled = 0;
  while (filled < kChunkBytes) {
    size_t count = BOXLITE_TRY(source_.Read(chunk.data() + filled, kChunkBytes - filled));
    if (count == 0) break;
    filled += count;
  }
  chunk.resize(filled);
  return chunk;
}

void Pipeline::Produce() {
  for (bool last = false; !last;) {
    Bytes chunk;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || !spare_.empty(); });
      if (stopped_) return;
      chunk = std::move(spare_.front());
      spare_.pop_front();
    }
    Result<Bytes> read = ReadChunk(std::move(chunk));
    last = !read.ok() || read.value().empty();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ready_.push_back(std::move(read));
    }
    changed_.notify_all();
  }
}

Result<ByteSpan> Pipeline::Next() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (current_ && current_->empty()) return ByteSpan();
  if (current_) {
    spare_.push_back(std::move(*current_));
    current_.reset();
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return !ready_.empty(); });
  if (!ready_.front().ok()) return Error(ready_.front().error());  // again, if asked again
  current_ = ready_.front().TakeValue();
  ready_.pop_front();
  return ByteSpan(*current_);
}

}  // namespace boxlite::image
