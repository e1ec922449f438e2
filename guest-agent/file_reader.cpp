#include "guest-agent/file_reader.h"

#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "guest-agent/regular_file.h"

namespace boxlite::agent {

using proto::Channel;

Result<std::unique_ptr<Operation>> FileReader::Create(Loop& loop, Stream stream, ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::ReadFile>(payload));
  if (request.path.empty() || request.path.front() != '/' ||
      request.path.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument,
                 "path \"" + request.path + "\" is not an absolute path in the box");
  }
  if (request.window > proto::kMaxWindow) {
    return Error(Code::kInvalidArgument, "the window of a file is larger than 64 MiB");
  }
  UniqueFd file = BOXLITE_TRY(OpenRegularFile(request.path));
  struct stat info = BOXLITE_TRY(sys::Stat(file.get()));
  proto::Accepted accepted;
  accepted.size = static_cast<uint64_t>(info.st_size);
  accepted.mode = info.st_mode & 07777;
  stream.Accept(accepted);
  return std::unique_ptr<Operation>(
      std::make_unique<FileReader>(loop, stream, request.path, std::move(file), request.window));
}

FileReader::FileReader(Loop& loop, Stream stream, std::string path, UniqueFd file, uint32_t window)
    : stream_(stream),
      turn_(loop, [this] { Read(); }),
      path_(std::move(path)),
      file_(std::move(file)),
      window_(window) {
  turn_.Start(0);
}

Result<void> FileReader::OnCredit(Channel channel, uint32_t bytes) {
  // Credit for the error channel, which has no data, is granted by clients that treat both alike.
  if (channel != Channel::kOutput) return {};
  BOXLITE_TRY(window_.Grant(bytes));
  OnRoom();
  return {};
}

void FileReader::OnRoom() {
  if (!finished_) turn_.Start(0);
}

void FileReader::OnCancel() {
  if (!finished_) Finish(Error(Code::kCancelled, "reading " + path_ + " was cancelled"));
}

void FileReader::Read() {
  size_t allowed = window_.Allow(proto::kMaxDataPayload);
  if (!stream_.HasRoom()) return;
  // Without credit one byte is looked for and put back: the end of a file needs none.
  uint8_t spare = 0;
  ssize_t count = allowed > 0 ? ::read(file_.get(), stream_.BeginData(allowed), allowed)
                              : ::pread(file_.get(), &spare, 1, ::lseek(file_.get(), 0, SEEK_CUR));
  if (count < 0) return Finish(sys::ErrnoError("read " + path_));
  if (count == 0) {
    stream_.End(Channel::kOutput);
    return Finish({});
  }
  if (allowed == 0) return;
  window_.Spend(static_cast<size_t>(count));
  stream_.CommitData(Channel::kOutput, static_cast<size_t>(count));
  turn_.Start(0);
}

void FileReader::Finish(const Result<void>& result) {
  finished_ = true;
  turn_.Stop();
  proto::Closed closed;
  if (!result.ok()) closed.status = proto::ToRecord(result.error());
  stream_.Close(closed);
}

}  // namespace boxlite::agent
