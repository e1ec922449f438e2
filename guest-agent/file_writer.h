// WRITE_FILE: bytes from the host become a file, whole or not at all: they are collected in a file
// of another name beside it. Where the name is taken by something that is not a plain file (a
// device, a FIFO, a symbolic link) it is written to in place, as a shell's ">" would.
#pragma once

#include <memory>
#include <string>

#include "base/byte_queue.h"
#include "base/unique_fd.h"
#include "guest-agent/loop.h"
#include "guest-agent/stream.h"
#include "proto/window.h"

namespace boxlite::agent {

class FileWriter : public Operation {
 public:
  static Result<std::unique_ptr<Operation>> Create(Loop& loop, Stream stream, ByteSpan payload);
  FileWriter(Loop& loop, Stream stream, std::string path);
  ~FileWriter() override;

  void OnData(ByteSpan bytes) override;
  void OnEnd() override;
  Result<void> OnCredit(proto::Channel channel, uint32_t bytes) override;
  void OnEvent(ByteSpan) override {}
  void OnCancel() override;
  void OnRoom() override {}

 private:
  Result<void> Open(const proto::WriteFile& request);
  Result<void> OpenInPlace(const proto::WriteFile& request);
  Result<void> OpenBeside(const proto::WriteFile& request);
  void Write();
  ByteSpan WriteSome(ByteSpan bytes);
  void Finish(const Result<void>& result);

  Stream stream_;
  Watch watch_;
  std::string path_;
  std::string temporary_;  // empty: in place
  UniqueFd file_;
  ByteQueue waiting_;  // only where a FIFO or a device is slow
  bool ended_ = false;
  bool finished_ = false;
  proto::ReceiveWindow window_;
};

}  // namespace boxlite::agent
