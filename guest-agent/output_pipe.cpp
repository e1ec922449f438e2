#include "guest-agent/output_pipe.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace boxlite::agent {

OutputPipe::OutputPipe(Loop& loop, Stream stream, proto::Channel channel,
                       std::function<void()> progress)
    : stream_(stream),
      channel_(channel),
      progress_(std::move(progress)),
      watch_(loop, [this](uint32_t events) { Read(events); }) {}

void OutputPipe::Start(UniqueFd fd, uint32_t window) {
  fd_ = std::move(fd);
  window_ = proto::SendWindow(window);
  Resume();
}

Result<void> OutputPipe::Grant(uint32_t bytes) {
  auto granted = window_.Grant(bytes);
  if (granted.ok()) Resume();
  return granted;
}

void OutputPipe::Resume() {
  if (fd_) static_cast<void>(watch_.Want(fd_.get(), EPOLLIN));
}

void OutputPipe::Read(uint32_t events) {
  size_t allowed = window_.Allow(proto::kMaxDataPayload);
  if (allowed == 0) return ReadWithoutCredit(events);
  if (!stream_.HasRoom()) return watch_.Stop();
  ssize_t count = ::read(fd_.get(), stream_.BeginData(allowed), allowed);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return End();  // A terminal says EIO where a pipe says 0.
  auto size = static_cast<size_t>(count);
  window_.Spend(size);
  owed_ -= std::min(owed_, size);
  stream_.CommitData(channel_, size);
  progress_();
}

// That an output is at its end is found out without credit: nobody grants any for one that says
// nothing more.
void OutputPipe::ReadWithoutCredit(uint32_t events) {
  int waiting = 0;
  if (::ioctl(fd_.get(), FIONREAD, &waiting) < 0 || waiting > 0) return watch_.Stop();
  if ((events & EPOLLHUP) != 0) End();
}

void OutputPipe::End() {
  Finish();
  progress_();
}

void OutputPipe::MarkEnd() {
  int waiting = 0;
  if (fd_ && ::ioctl(fd_.get(), FIONREAD, &waiting) == 0 && waiting > 0) {
    owed_ = static_cast<size_t>(waiting);
  }
}

UniqueFd OutputPipe::Finish() {
  watch_.Stop();
  if (fd_) stream_.End(channel_);
  return std::move(fd_);
}

}  // namespace boxlite::agent
