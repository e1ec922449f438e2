#include "image/job.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "image/blank.h"
#include "image/convert.h"
#include "image/fetch.h"
#include "image/import.h"
#include "image/staging.h"
#include "proto/descriptors.h"

namespace boxlite::image {
namespace {

Result<void> Need(int fd, const char* what) {
  if (fd >= 0) return {};
  return Error(Code::kInvalidState, std::string("boxlite-image was not given ") + what);
}

template <typename Request>
Result<JobRequest> Decoded(ByteSpan record) {
  return JobRequest(BOXLITE_TRY(proto::Decode<Request>(record)));
}

class Runner {
 public:
  Runner(const Descriptors& descriptors, Progress& progress)
      : fds_(descriptors), progress_(progress) {}

  Result<Bytes> operator()(const proto::Fetch& request) {
    BOXLITE_TRY(Need(fds_.staging, "a staging directory"));
    Staging staging = BOXLITE_TRY(Staging::Open(fds_.staging, fds_.blobs));
    return Staged(staging, BOXLITE_TRY(FetchImage(request, fds_.config, staging, progress_)));
  }
  Result<Bytes> operator()(const proto::Import& request) {
    BOXLITE_TRY(Need(fds_.staging, "a staging directory"));
    BOXLITE_TRY(Need(fds_.layout, "an image layout"));
    Staging staging = BOXLITE_TRY(Staging::Open(fds_.staging, fds_.blobs));
    return Staged(staging, BOXLITE_TRY(ImportImage(request, fds_.layout, staging, progress_)));
  }
  Result<Bytes> operator()(const proto::Convert& request) {
    BOXLITE_TRY(Need(fds_.output, "an output file"));
    BOXLITE_TRY(Need(fds_.blobs, "the store's blobs"));
    BOXLITE_TRY(Convert(request.layers, BlobSet({fds_.blobs}), fds_.output, progress_));
    return proto::Encode(proto::Closed());
  }
  Result<Bytes> operator()(const proto::Blank& request) {
    BOXLITE_TRY(Need(fds_.output, "an output file"));
    BOXLITE_TRY(MakeBlank(fds_.output, request.size, request.journal));
    return proto::Encode(proto::Closed());
  }

 private:
  static Result<Bytes> Staged(Staging& staging, const proto::ImageClosed& image) {
    Bytes record = proto::Encode(image);
    BOXLITE_TRY(staging.WriteResult(record));
    return record;
  }

  const Descriptors& fds_;
  Progress& progress_;
};

}  // namespace

Descriptors Descriptors::Inherited() {
  Descriptors fds;
  for (auto [fd, number] : {std::pair{&fds.control, proto::kImageControl},
                            {&fds.listening, proto::kImageListener},
                            {&fds.lock, proto::kImageLock},
                            {&fds.staging, proto::kImageStaging},
                            {&fds.blobs, proto::kImageBlobs},
                            {&fds.output, proto::kImageOut},
                            {&fds.layout, proto::kImageSource},
                            {&fds.config, proto::kImageConfig}}) {
    if (::fcntl(number, F_GETFD) >= 0) *fd = number;
  }
  return fds;
}

Result<JobRequest> DecodeJob(ByteSpan record) {
  proto::OpenHeader header = BOXLITE_TRY(proto::Decode<proto::OpenHeader>(record));
  switch (header.op) {
    case proto::Op::kFetch:
      return Decoded<proto::Fetch>(record);
    case proto::Op::kImport:
      return Decoded<proto::Import>(record);
    case proto::Op::kConvert:
      return Decoded<proto::Convert>(record);
    case proto::Op::kBlank:
      return Decoded<proto::Blank>(record);
    default:
      return Error(Code::kUnsupported,
                   "boxlite-image has no operation " + std::to_string(static_cast<int>(header.op)));
  }
}

Bytes RunJob(const JobRequest& request, const Descriptors& descriptors, Progress& progress) {
  Result<Bytes> record = std::visit(Runner(descriptors, progress), request);
  if (!record.ok()) return proto::Encode(proto::Closed{proto::ToRecord(record.error())});
  progress.Update([](proto::ProgressEvent& state) {
    state.phase = proto::Phase::kDone;
    state.layers_done = state.layers_total;
    state.bytes_done = state.bytes_total;
  });
  return record.TakeValue();
}

}  // namespace boxlite::image
