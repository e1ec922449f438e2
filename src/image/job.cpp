#include "image/job.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/disk_full.h"
#include "base/sys.h"
#include "image/blank.h"
#include "image/convert.h"
#include "image/fetch.h"
#include "image/import.h"
#include "image/load.h"
#include "image/save.h"
#include "image/staging.h"
#include "proto/descriptors.h"
#include "proto/frame.h"

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
  Runner(const Descriptors& descriptors, const JobInputs& inputs, Progress& progress)
      : fds_(descriptors), inputs_(inputs), progress_(progress) {}

  Result<Bytes> operator()(const proto::Fetch& request) {
    BOXLITE_TRY(Need(fds_.staging, "a staging directory"));
    Staging staging = BOXLITE_TRY(Staging::Open(fds_.staging, fds_.blobs));
    return Staged(staging, BOXLITE_TRY(FetchImage(request, inputs_.fetch, staging, progress_)));
  }
  Result<Bytes> operator()(const proto::Import& request) {
    BOXLITE_TRY(Need(fds_.staging, "a staging directory"));
    BOXLITE_TRY(Need(fds_.source, "an image layout"));
    Staging staging = BOXLITE_TRY(Staging::Open(fds_.staging, fds_.blobs));
    BOXLITE_TRY(staging.KeepPieces({}));
    struct stat source = BOXLITE_TRY(sys::Stat(fds_.source));
    if (S_ISDIR(source.st_mode))
      return Staged(staging, BOXLITE_TRY(ImportImage(request, fds_.source, staging, progress_)));
    ArchiveSource archive{fds_.source, inputs_.limits};
    return Staged(staging, BOXLITE_TRY(ImportFile(request, archive, staging, progress_)));
  }
  Result<Bytes> operator()(const proto::Load& request) {
    BOXLITE_TRY(Need(fds_.staging, "a staging directory"));
    BOXLITE_TRY(Need(fds_.source, "an archive"));
    Staging staging = BOXLITE_TRY(Staging::Open(fds_.staging, fds_.blobs));
    BOXLITE_TRY(staging.KeepPieces({}));
    ArchiveSource archive{fds_.source, inputs_.limits};
    return proto::Encode(BOXLITE_TRY(LoadImages(request, archive, staging, progress_)));
  }
  Result<Bytes> operator()(const proto::Save& request) {
    BOXLITE_TRY(Need(fds_.output, "an output file"));
    BOXLITE_TRY(Need(fds_.blobs, "the store's blobs"));
    BOXLITE_TRY(SaveImages(request, BlobSet({fds_.blobs}), fds_.output, progress_));
    return proto::Encode(proto::Closed());
  }
  Result<Bytes> operator()(const proto::Convert& request) {
    BOXLITE_TRY(Need(fds_.output, "an output file"));
    BOXLITE_TRY(Convert(request.layers, inputs_.layers, fds_.output, progress_, inputs_.limits));
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
  const JobInputs& inputs_;
  Progress& progress_;
};

}  // namespace

Descriptors Descriptors::Inherited() {
  Descriptors fds;
  for (auto [fd, number] : {std::pair<int*, int>{&fds.control, proto::kControl},
                            {&fds.listening, proto::kListener},
                            {&fds.lock, proto::kLock},
                            {&fds.staging, proto::kImageStaging},
                            {&fds.blobs, proto::kImageBlobs},
                            {&fds.output, proto::kImageOut},
                            {&fds.source, proto::kImageSource},
                            {&fds.config, proto::kImageConfig},
                            {&fds.environment, proto::kImageEnvironment}}) {
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
    case proto::Op::kLoad:
      return Decoded<proto::Load>(record);
    case proto::Op::kSave:
      return Decoded<proto::Save>(record);
    case proto::Op::kConvert:
      return Decoded<proto::Convert>(record);
    case proto::Op::kBlank:
      return Decoded<proto::Blank>(record);
    default:
      return Error(Code::kUnsupported,
                   "boxlite-image has no operation " + std::to_string(static_cast<int>(header.op)));
  }
}

Bytes RunJob(const JobRequest& request, const Descriptors& descriptors, const JobInputs& inputs,
             Progress& progress) {
  Result<Bytes> record = std::visit(Runner(descriptors, inputs, progress), request);
  if (record.ok() && record.value().size() > proto::kMaxRecordPayload)
    record = Error(Code::kImage, "the image's configuration is too large");
  if (!record.ok()) {
    bool archive = std::holds_alternative<proto::Save>(request);
    Error error = archive ? WithRoomHint(record.TakeError(), "make room where the archive goes")
                          : WithHomeRoomHint(record.TakeError());
    return proto::Encode(proto::Closed{proto::ToRecord(error)});
  }
  progress.Update([](proto::ProgressEvent& state) {
    state.phase = proto::Phase::kDone;
    state.layers_done = state.layers_total;
    state.bytes_done = state.bytes_total;
  });
  return record.TakeValue();
}

}  // namespace boxlite::image
