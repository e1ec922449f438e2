#include "proto/messages.h"

#include <algorithm>

namespace boxlite::proto {

Result<uint16_t> NegotiateVersion(const Hello& ours, const Hello& theirs) {
  uint16_t highest = std::min(ours.version_max, theirs.version_max);
  if (highest < ours.version_min || highest < theirs.version_min) {
    return Error(Code::kUnsupported,
                 theirs.build + " speaks protocol versions " + std::to_string(theirs.version_min) +
                     " to " + std::to_string(theirs.version_max) + ", this side " +
                     std::to_string(ours.version_min) + " to " + std::to_string(ours.version_max),
                 "stop the box and start it again with this version");
  }
  return highest;
}

ErrorRecord ToRecord(const Error& error) {
  ErrorRecord record;
  record.code = static_cast<int32_t>(error.code());
  record.message = error.message();
  record.hint = error.hint();
  record.os_errno = error.os_errno();
  return record;
}

Result<void> FromRecord(const ErrorRecord& record) {
  if (record.code == 0) return {};
  return Error(CodeFromNumber(record.code), record.message, record.hint).WithErrno(record.os_errno);
}

}  // namespace boxlite::proto
