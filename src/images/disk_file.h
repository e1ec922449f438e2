// DiskFile: makes sure that a disk image that boxlite-image writes (a root file system, a blank
// disk) is there under its name, and opens it. The name appears when the file is whole.
//
// Thread rule: the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "images/job.h"
#include "images/task.h"

namespace boxlite::images {

class DiskFile {
 public:
  using Done = std::function<void(Result<UniqueFd>)>;

  // Opens spec.target, where it is missing after the job has made it. `done` comes once, unless
  // this is destroyed before.
  DiskFile(const JobHost& host, JobSpec spec, Job::EventHandler event, Done done);

 private:
  void Look();
  void OnOpened(Result<UniqueFd> file);
  void OnMade(Result<JobResult> result);
  void Finish(Result<UniqueFd> file);

  JobHost host_;
  std::shared_ptr<const JobSpec> spec_;  // shared with the worker
  int looks_ = 0;
  Job::EventHandler event_;
  Done done_;
  std::unique_ptr<Job> job_;
  Tasks tasks_;
};

}  // namespace boxlite::images
