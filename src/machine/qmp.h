// QMP: the QEMU monitor protocol, one JSON value a line each way. This is its state without a
// socket: bytes of QEMU's go in, commands come out through `send`. QEMU is what a guest that broke
// out of its machine would own, so that its lines are bounded and their content is only matched,
// never acted on beyond that. Thread rule: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace boxlite::machine {

class Qmp {
 public:
  static constexpr size_t kMaxLine = 256 * 1024;

  using Answer = std::function<void(Result<void>)>;
  struct Events {
    std::function<void(std::string_view line)> send;
    // An event's name and its data's "reason", where it has one.
    std::function<void(std::string_view name, std::string_view reason)> on_event;
  };

  explicit Qmp(Events events) : events_(std::move(events)) {}

  // Commands without arguments are all we need. `answer` is called once, also at Fail.
  void Execute(const char* command, Answer answer);

  // After an error the connection is of no use any more.
  Result<void> Receive(ByteSpan bytes);

  // Answers every open command with `why`.
  void Fail(const Error& why);

 private:
  Result<void> ReceiveLine(std::string_view line);

  Events events_;
  std::string buffer_;
  std::map<int64_t, Answer> open_;
  int64_t next_id_ = 1;
};

}  // namespace boxlite::machine
