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

  // Opens `name` in `dir_fd` (borrowed), where it is missing after the job `spec` has made it.
  // `done` comes once, unless this is destroyed before.
  DiskFile(const JobHost& host, int dir_fd, std::string name, JobSpec spec, Job::EventHandler event,
           Done done);

 private:
  void OnOpened(Result<UniqueFd> file);
  void OnMade(Result<JobResult> result);
  void Finish(Result<UniqueFd> file);

  JobHost host_;
  const int dir_fd_;
  const std::string name_;
  JobSpec spec_;
  Job::EventHandler event_;
  Done done_;
  std::unique_ptr<Job> job_;
  Tasks tasks_;
};

}  // namespace boxlite::images
