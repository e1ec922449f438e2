#include "guest-agent/input_pipe.h"

#include <unistd.h>

#include <cerrno>

#include "guest-agent/terminal.h"

namespace boxlite::agent {

InputPipe::InputPipe(Loop& loop, Stream stream)
    : stream_(stream), watch_(loop, [this](uint32_t) { Write(); }) {}

void InputPipe::Start(UniqueFd fd, InputKind kind) {
  fd_ = std::move(fd);
  kind_ = kind;
}

void InputPipe::Data(ByteSpan bytes) {
  auto received = window_.Receive(bytes.size());
  if (!received.ok()) return stream_.Broken(received.error());
  if (!fd_ || ended_) return stream_.Credit(window_.Consume(bytes.size()));
  waiting_.Append(bytes);
  Write();
}

void InputPipe::End() {
  if (!fd_ || ended_) return;
  ended_ = true;
  if (kind_ == InputKind::kTerminal) {
    uint8_t character = EndOfFileCharacter(fd_.get());
    waiting_.Append(ByteSpan(&character, 1));
  }
  Write();
}

void InputPipe::Close() {
  watch_.Stop();
  fd_.Reset();
  if (!ended_) stream_.Credit(window_.Consume(waiting_.size()));
  waiting_.Clear();
}

void InputPipe::Write() {
  while (waiting_.size() > 0) {
    ssize_t count = ::write(fd_.get(), waiting_.waiting().data(), waiting_.size());
    if (count < 0 && errno == EAGAIN) {
      static_cast<void>(watch_.Want(fd_.get(), EPOLLOUT));
      return;
    }
    if (count < 0) return Close();  // EPIPE: the process has closed its stdin, or has ended.
    auto size = static_cast<size_t>(count);
    waiting_.Consume(size);
    if (!ended_) stream_.Credit(window_.Consume(size));
  }
  watch_.Stop();
  if (ended_ && kind_ == InputKind::kPipe) fd_.Reset();
}

}  // namespace boxlite::agent
