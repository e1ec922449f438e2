// A job: the one operation that a boxlite-image process runs, and the descriptors it was given
// (docs/protocol.md, "Operations of boxlite-image").
//
// Thread rule: a job runs on a thread of its own. There is no way to cancel it but to end the
// process: whatever it has written by then is staging.
#pragma once

#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "image/progress.h"
#include "proto/messages.h"

namespace boxlite::image {

// Numbers of the descriptors; -1 where there is none.
struct Descriptors {
  int control = -1;
  int listening = -1;
  int lock = -1;
  int staging = -1;
  int blobs = -1;
  int output = -1;
  int layout = -1;
  int config = -1;

  // Those that are open when the process starts.
  static Descriptors Inherited();
};

using JobRequest = std::variant<proto::Fetch, proto::Import, proto::Convert, proto::Blank>;

// The request in the record of an OPEN. unsupported for an operation that is not ours.
Result<JobRequest> DecodeJob(ByteSpan record);

// Runs it to its end; the record of the CLOSE that answers it.
Bytes RunJob(const JobRequest& request, const Descriptors& descriptors, Progress& progress);

}  // namespace boxlite::image
