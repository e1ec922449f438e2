// The agent: which operation an OPEN asks for, and when it may.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "guest-agent/cgroup.h"
#include "guest-agent/execution.h"
#include "guest-agent/loop.h"
#include "guest-agent/mounts.h"
#include "guest-agent/port.h"
#include "guest-agent/reaper.h"
#include "guest-agent/session.h"
#include "guest-agent/shutdown.h"

namespace boxlite::agent {

class Agent {
 public:
  Agent(Loop& loop, const Log& log);

  Result<void> Start();
  // One batch of events, and the removal of what ended in it.
  void RunOnce();

 private:
  enum class State { kBooted, kConfigured, kUnusable, kShuttingDown };

  Result<std::unique_ptr<Operation>> Open(Stream stream, ByteSpan payload);
  Result<std::unique_ptr<Operation>> Start(proto::Op op, Stream stream, ByteSpan payload);
  Result<void> CheckState(proto::Op op) const;
  Result<std::unique_ptr<Operation>> Configure(Stream stream, ByteSpan payload);
  Result<std::unique_ptr<Operation>> StartShutdown(Stream stream, ByteSpan payload);
  void EndShutdown();

  Loop& loop_;
  const Log& log_;
  State state_ = State::kBooted;
  BoxTree tree_;
  Reaper reaper_;
  CgroupRemover cgroups_;
  OutputDrains drains_;
  ExecutionContext executions_;
  Session session_;
  PortFinder finder_;
  Shutdown* shutdown_ = nullptr;  // the session's, until the machine restarts
};

}  // namespace boxlite::agent
