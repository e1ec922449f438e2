// READ_FILE: a regular file's bytes to the host, until its end and not until its size: what /proc
// has says that it is empty.
#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "guest-agent/loop.h"
#include "guest-agent/stream.h"
#include "proto/window.h"

namespace boxlite::agent {

class FileReader : public Operation {
 public:
  static Result<std::unique_ptr<Operation>> Create(Loop& loop, Stream stream, ByteSpan payload);
  FileReader(Loop& loop, Stream stream, std::string path, UniqueFd file, uint32_t window);

  void OnData(ByteSpan) override {}
  void OnEnd() override {}
  Result<void> OnCredit(proto::Channel channel, uint32_t bytes) override;
  void OnEvent(ByteSpan) override {}
  void OnCancel() override;
  void OnRoom() override;

 private:
  void Read();
  void Finish(const Result<void>& result);

  Stream stream_;
  // One chunk in each turn of the loop: a file is always ready, and others want their turn.
  Timer turn_;
  std::string path_;
  UniqueFd file_;
  proto::SendWindow window_;
  bool finished_ = false;
};

}  // namespace boxlite::agent
