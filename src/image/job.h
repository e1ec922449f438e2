// A job: the one operation that a boxlite-image process runs, and the descriptors it was given
// (docs/protocol.md, "Operations of boxlite-image").
//
// Thread rule: a job runs on a thread of its own. There is no way to cancel it but to end the
// process: whatever it has written by then is staging.
#pragma once

#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "image/fetch_settings.h"
#include "image/limits.h"
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
  int source = -1;
  int config = -1;
  int environment = -1;

  // Those that are open when the process starts.
  static Descriptors Inherited();
};

using JobRequest = std::variant<proto::Fetch, proto::Import, proto::Load, proto::Save,
                                proto::Convert, proto::Blank>;

// The request in the record of an OPEN. unsupported for an operation that is not ours.
Result<JobRequest> DecodeJob(ByteSpan record);

// What a job needs that has to be read or opened while this process still may.
struct JobInputs {
  FetchSettings fetch;           // FETCH
  std::vector<UniqueFd> layers;  // CONVERT
  Limits limits;                 // CONVERT, IMPORT, LOAD
};

// Runs it to its end; the record of the CLOSE that answers it.
Bytes RunJob(const JobRequest& request, const Descriptors& descriptors, const JobInputs& inputs,
             Progress& progress);

}  // namespace boxlite::image
