// A list on its way out of a ForkedOperation: records, each after its length as u32.
#pragma once

#include <unistd.h>

#include <utility>

#include "base/sys.h"
#include "proto/record.h"

namespace boxlite::agent {

class RecordOutput {
 public:
  template <typename Message>
  Result<void> Add(Message message) {
    Bytes record = proto::Encode(std::move(message));
    AppendLe(out_, static_cast<uint32_t>(record.size()));
    out_.insert(out_.end(), record.begin(), record.end());
    return out_.size() < kEnough ? Result<void>() : Flush();
  }
  Result<void> Flush() {
    Bytes out = std::exchange(out_, {});
    return sys::WriteAll(STDOUT_FILENO, out);
  }

 private:
  static constexpr size_t kEnough = 64 * 1024;
  Bytes out_;
};

}  // namespace boxlite::agent
