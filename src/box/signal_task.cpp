#include "box/signal_task.h"

namespace boxlite::box {
namespace {

Result<void> DecodeClosed(Result<ByteSpan> how) {
  ByteSpan record = BOXLITE_TRY(std::move(how));
  auto closed = BOXLITE_TRY(proto::Decode<proto::Closed>(record));
  return proto::FromRecord(closed.status);
}

}  // namespace

void SignalTask::OnRunning(LiveBox& box) {
  proto::SignalMain signal;
  signal.number = number_;
  auto request =
      client::Request::Open(box.connection(), proto::Encode(signal), nullptr,
                            [this](Result<ByteSpan> how) { Finish(DecodeClosed(std::move(how))); });
  if (!request.ok()) return Finish(request.TakeError());
  request_ = request.TakeValue();
}

void SignalTask::Finish(Result<void> how) {
  auto self = shared_from_this();  // The box lets go of us below.
  request_.reset();
  completion_->Finish(std::move(how));
  if (box_ != nullptr) box_->Done(*this);
}

}  // namespace boxlite::box
