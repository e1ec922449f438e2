// What a write that failed is to whoever waits for the job.
#pragma once

#include <string_view>
#include <utility>

#include "base/result.h"

namespace boxlite::image {

// `what` names the file. kResourceExhausted where there is no room or something else is exhausted
// (memory, descriptors); else kStorage.
inline Error WriteFailed(Error error, std::string_view what) {
  error = std::move(error).Context(what);
  if (error.code() != Code::kResourceExhausted) return std::move(error).WithCode(Code::kStorage);
  return error;
}

}  // namespace boxlite::image
