#include "client/files.h"

#include <utility>

namespace boxlite::client {

Result<void> DecodeClosed(Result<ByteSpan> how) {
  ByteSpan record = BOXLITE_TRY(std::move(how));
  auto closed = BOXLITE_TRY(proto::Decode<proto::Closed>(record));
  return proto::FromRecord(closed.status);
}

Result<std::unique_ptr<Upload>> Upload::Open(helper::Connection& connection, ByteSpan request,
                                             TransferDone done) {
  std::unique_ptr<Upload> upload(new Upload(std::move(done)));
  upload->call_ = BOXLITE_TRY(connection.Open(request, 0, *upload));
  return upload;
}

void Upload::Write(Bytes data, InputQueue::Taken taken) {
  input_.Push(std::move(data), std::move(taken));
  Pump();
}

void Upload::End() {
  input_.End();
  Pump();
}

void Upload::Pump() {
  if (accepted_) input_.Pump(*call_);
}

void Upload::OnClosed(Result<ByteSpan> how) {
  TransferDone done = std::move(done_);
  done(DecodeClosed(std::move(how)));
}

Result<std::unique_ptr<Download>> Download::Open(helper::Connection& connection, ByteSpan request,
                                                 OnChunk chunk, TransferDone done) {
  std::unique_ptr<Download> download(new Download(std::move(chunk), std::move(done)));
  download->call_ = BOXLITE_TRY(connection.Open(request, kDownloadWindow, *download));
  return download;
}

void Download::OnData(proto::Channel channel, ByteSpan data) {
  if (channel == proto::Channel::kOutput) chunk_(data);
}

void Download::OnClosed(Result<ByteSpan> how) {
  TransferDone done = std::move(done_);
  done(DecodeClosed(std::move(how)));
}

}  // namespace boxlite::client
