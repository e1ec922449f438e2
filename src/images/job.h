// Job: one job of boxlite-image as this process sees it, whether it started the job or attached to
// one that runs already. Progress and result are the same either way.
//
// Thread rule: the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "helper/connection.h"
#include "helper/spawn.h"
#include "images/attach.h"
#include "images/task.h"
#include "loop/loop.h"

namespace boxlite::images {

// Watches the programs that we started until they end, so that none is left as a zombie where it
// became our child.
class Reaper {
 public:
  explicit Reaper(loop::Loop& loop) : loop_(loop) {}
  void Keep(helper::Spawned spawned);

 private:
  loop::Loop& loop_;  // outlives us
  std::set<std::unique_ptr<helper::Process>> processes_;
};

// What every job needs. All borrowed; they outlive the jobs.
struct JobHost {
  loop::Loop& loop;
  const store::Home& home;
  Executor& executor;
  const Log& log;
  const std::string& program;
  std::shared_ptr<Reaper> reaper;  // shared: a job may be gone when its program comes to be
};

struct JobResult {
  Bytes record;      // of CLOSE; its tag 1 said success
  UniqueFd staging;  // of Output::kBlobs: blobs/sha256
  UniqueFd out;      // of Output::kFile
  UniqueFd lock;  // of Output::kFile, where we started it: nobody starts it again while we have it
};

class Job : private helper::CallHandler {
 public:
  using EventHandler = std::function<void(ByteSpan)>;
  using Done = std::function<void(Result<JobResult>)>;

  // `done` comes once, unless the job is destroyed before: that takes this client away.
  Job(const JobHost& host, std::shared_ptr<const JobSpec> spec, EventHandler event, Done done);
  ~Job() override;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Of Output::kBlobs: blobs/sha256 of the job that we are attached to; valid in an event.
  int staging() const { return attachment_.staging.get(); }

 private:
  void Try();
  void TryLater();
  void OnAttached(Result<std::optional<Attachment>> attachment);
  Result<void> Talk(UniqueFd socket);
  void OnAccept(ByteSpan record) override;
  void OnEvent(ByteSpan record) override;
  void OnClosed(Result<ByteSpan> how) override;
  void Finish(Result<JobResult> result);

  JobHost host_;
  std::shared_ptr<const JobSpec> spec_;  // shared with the worker
  EventHandler event_;
  Done done_;
  Attachment attachment_;
  bool started_ = false;   // the program is ours, not somebody else's
  bool accepted_ = false;  // our request is among those that it answers
  std::unique_ptr<helper::Connection> connection_;
  std::unique_ptr<helper::Call> call_;  // after connection_: it goes first
  uint64_t next_delay_ms_ = 1;
  int64_t deadline_ms_;
  loop::Timer retry_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace boxlite::images
