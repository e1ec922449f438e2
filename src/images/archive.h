// LoadArchive and SaveArchive: images between the store and one tar on a descriptor of the user's.
// The archive is read and written by boxlite-image (LOAD and SAVE); each has a job of its own,
// which nobody joins and nobody tries again, so its directory goes with it.
//
// Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "images/images.h"
#include "images/job.h"
#include "images/task.h"

namespace boxlite::images {

// States: planning (worker), loading (Job), storing (worker).
class LoadArchive : public Operation {
 public:
  using Images = std::vector<store::ImageRecord>;
  LoadArchive(const JobHost& host, store::Store& store, UniqueFd source, std::string name,
              ProgressHandler progress, Done<Images> done);
  LoadArchive(const LoadArchive&) = delete;
  LoadArchive& operator=(const LoadArchive&) = delete;
  ~LoadArchive() override;

 private:
  struct Plan {
    JobSpec job;
    UniqueFd in_use;  // the blobs that the job counts on
  };
  static Result<Plan> MakePlan(store::Store& store, UniqueFd source, const std::string& name);
  static Result<Images> Commit(store::Store& store, const JobResult& result);

  void OnPlan(Result<Plan> plan);
  void OnLoaded(Result<JobResult> result);
  void Finish(Result<Images> result);

  JobHost host_;
  store::Store& store_;  // outlives us
  ProgressHandler progress_;
  Done<Images> done_;
  std::string key_;
  UniqueFd in_use_;
  std::unique_ptr<Job> job_;
  Tasks tasks_;
};

// States: planning (worker), saving (Job).
class SaveArchive : public Operation {
 public:
  SaveArchive(const JobHost& host, store::Store& store, std::vector<std::string> names,
              UniqueFd sink, ProgressHandler progress, Done<void> done);
  SaveArchive(const SaveArchive&) = delete;
  SaveArchive& operator=(const SaveArchive&) = delete;
  ~SaveArchive() override;

 private:
  struct Plan {
    JobSpec job;
    std::vector<UniqueFd> in_use;  // the images
  };
  static Result<Plan> MakePlan(store::Store& store, const std::vector<std::string>& names,
                               UniqueFd sink);

  void OnPlan(Result<Plan> plan);
  void OnSaved(const Result<JobResult>& result);
  void Finish(Result<void> result);

  JobHost host_;
  ProgressHandler progress_;
  Done<void> done_;
  std::string key_;
  std::vector<UniqueFd> in_use_;
  std::unique_ptr<Job> job_;
  Tasks tasks_;
};

}  // namespace boxlite::images
