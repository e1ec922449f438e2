// EXEC: a process tree with its pipes or its terminal, from the request to its exit.
//
// The exit is reported when the main process has ended, what its pipes held then is delivered, and
// the pipes are at their end or kGraceMs have passed. Processes left in the background live on; so
// that they are not killed for writing to a pipe that nobody reads, somebody does (OutputDrains).
#pragma once

#include <sys/types.h>

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "guest-agent/cgroup.h"
#include "guest-agent/input_pipe.h"
#include "guest-agent/output_pipe.h"
#include "guest-agent/reaper.h"
#include "guest-agent/spawn.h"
#include "guest-agent/stream.h"

namespace boxlite::agent {

// Reads the pipes of background processes and forgets what they say.
class OutputDrains {
 public:
  explicit OutputDrains(Loop& loop) : loop_(loop) {}
  void Add(UniqueFd pipe);
  void CollectGarbage();

 private:
  struct Drain {
    UniqueFd pipe;
    std::unique_ptr<Watch> watch;
  };
  Loop& loop_;
  std::list<Drain> drains_;
};

// What executions share; the agent's, and outlives them.
struct ExecutionContext {
  Loop& loop;
  Reaper& reaper;
  CgroupRemover& cgroups;
  OutputDrains& drains;
  uint64_t started = 0;  // executions so far; names their cgroups
};

class Execution : public Operation {
 public:
  static Result<std::unique_ptr<Operation>> Create(ExecutionContext& context, Stream stream,
                                                   ByteSpan payload);
  Execution(ExecutionContext& context, Stream stream, Cgroup cgroup);
  ~Execution() override;

  void OnData(ByteSpan bytes) override { input_.Data(bytes); }
  void OnEnd() override { input_.End(); }
  Result<void> OnCredit(proto::Channel channel, uint32_t bytes) override;
  void OnEvent(ByteSpan payload) override;
  void OnCancel() override;
  void OnRoom() override;

 private:
  struct Ends;  // the process's side of the pipes

  Result<void> Start(proto::Exec& request, Identity identity);
  Result<Ends> OpenPipes(const proto::Exec& request, const Identity& identity);
  Result<Ends> OpenTty(const proto::Exec& request, const Identity& identity);
  void OnTimeout();
  void OnExit(int wait_status);
  void Signal(const proto::SignalEvent& event);
  void FinishIfOver();
  void Leave(OutputPipe& pipe);

  ExecutionContext& context_;
  Stream stream_;
  std::optional<Cgroup> cgroup_;  // nothing once it is the remover's
  InputPipe input_;
  OutputPipe output_;
  OutputPipe error_;
  Timer timeout_;
  Timer grace_;
  UniqueFd terminal_;
  pid_t pid_ = 0;  // 0: not running
  bool exited_ = false;
  bool closed_ = false;
  int64_t started_ms_ = 0;
  proto::ExecClosed result_;
};

}  // namespace boxlite::agent
