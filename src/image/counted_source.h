// CountedSource: counts what is read of a source as the progress of a job.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "image/progress.h"
#include "image/source.h"

namespace boxlite::image {

class CountedSource final : public ByteSource {
 public:
  // Both outlive the source.
  CountedSource(ByteSource& below, Progress& progress) : below_(below), progress_(progress) {}

  Result<size_t> Read(uint8_t* data, size_t size) override {
    size_t count = BOXLITE_TRY(below_.Read(data, size));
    progress_.Update([count](proto::ProgressEvent& state) { state.bytes_done += count; });
    return count;
  }

 private:
  ByteSource& below_;
  Progress& progress_;
};

}  // namespace boxlite::image
