// An operation in a process of its own, a fork of the agent: what goes through the box's files may
// meet a file system that does not answer, a tree without end or a stream made to break its reader,
// and nothing of that may stop the agent. Its stdin is the stream's input, its stdout the output;
// how it ended comes as a record over a third pipe.
//
// Not a child of an execution: it is in no cgroup that has a limit, and runs as root.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "guest-agent/input_pipe.h"
#include "guest-agent/output_pipe.h"
#include "guest-agent/reaper.h"
#include "guest-agent/stream.h"

namespace boxlite::agent {

class ForkedOperation : public Operation {
 public:
  // Runs in the child, with stdin and stdout as said. SIGTERM interrupts a read or a write.
  using Work = std::function<Result<void>()>;
  enum class Input { kNone, kStream };
  // What goes in, and how much may come out before it is granted anew.
  struct Flow {
    Input input;
    uint32_t window;
  };

  // `what` names the operation in errors: "copy to /tmp".
  static Result<std::unique_ptr<Operation>> Create(Loop& loop, Reaper& reaper, Stream stream,
                                                   std::string what, Flow flow, const Work& work);
  ForkedOperation(Loop& loop, Reaper& reaper, Stream stream, std::string what);

  void OnData(ByteSpan bytes) override { input_.Data(bytes); }
  void OnEnd() override { input_.End(); }
  Result<void> OnCredit(proto::Channel channel, uint32_t bytes) override;
  void OnEvent(ByteSpan) override {}
  void OnCancel() override;
  void OnRoom() override { output_.Resume(); }

 private:
  Result<void> Start(Flow flow, const Work& work);
  void OnExit(int wait_status);
  void FinishIfOver();
  proto::Closed HowItEnded(int wait_status);

  Reaper& reaper_;
  Stream stream_;
  std::string what_;
  InputPipe input_;
  OutputPipe output_;
  Timer kill_;
  UniqueFd status_;
  pid_t pid_ = 0;
  bool exited_ = false;
  bool cancelled_ = false;
  bool closed_ = false;
  proto::Closed result_;
};

}  // namespace boxlite::agent
