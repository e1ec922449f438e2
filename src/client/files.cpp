#include "client/files.h"

#include <utility>

namespace boxlite::client {
namespace {

constexpr uint32_t kReadWindow = 1024 * 1024;

Result<void> DecodeClosed(Result<ByteSpan> how) {
  ByteSpan record = BOXLITE_TRY(std::move(how));
  auto closed = BOXLITE_TRY(proto::Decode<proto::Closed>(record));
  return proto::FromRecord(closed.status);
}

}  // namespace

Result<std::unique_ptr<FileWriter>> FileWriter::Open(helper::Connection& connection,
                                                     proto::WriteFile request, Bytes data,
                                                     TransferDone done) {
  std::unique_ptr<FileWriter> writer(new FileWriter(std::move(done)));
  writer->input_.Push(std::move(data), nullptr);
  writer->input_.End();
  writer->call_ = BOXLITE_TRY(connection.Open(proto::Encode(std::move(request)), 0, *writer));
  return writer;
}

void FileWriter::OnClosed(Result<ByteSpan> how) {
  TransferDone done = std::move(done_);
  done(DecodeClosed(std::move(how)));
}

Result<std::unique_ptr<FileReader>> FileReader::Open(helper::Connection& connection,
                                                     proto::ReadFile request, OnChunk chunk,
                                                     TransferDone done) {
  std::unique_ptr<FileReader> reader(new FileReader(std::move(chunk), std::move(done)));
  request.window = kReadWindow;
  reader->call_ =
      BOXLITE_TRY(connection.Open(proto::Encode(std::move(request)), kReadWindow, *reader));
  return reader;
}

void FileReader::OnData(proto::Channel channel, ByteSpan data) {
  if (channel == proto::Channel::kOutput) chunk_(data);
}

void FileReader::OnClosed(Result<ByteSpan> how) {
  TransferDone done = std::move(done_);
  done(DecodeClosed(std::move(how)));
}

}  // namespace boxlite::client
