// Prepare: the way from what a user named to a mounted image's disk. States:
//
//   looking   what do the records have?                 (worker)
//   getting   FETCH or IMPORT                           (Job)
//   storing   blobs into the layout, the record         (worker)
//   making    the disk, by CONVERT where it is missing  (DiskFile)
//
// A FETCH that has found the image lets its CONVERT begin, layer by layer as they come. That is a
// DiskFile of its own whose end nobody waits for: making joins it, or finds the disk, or begins
// anew where it has failed.
//
// Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "images/disk_file.h"
#include "images/images.h"
#include "images/job.h"
#include "images/task.h"

namespace boxlite::images {

class Prepare : public Operation {
 public:
  Prepare(const JobHost& host, store::Store& store, Wanted wanted, ProgressHandler progress,
          Done<Rootfs> done);

 private:
  // What looking found out: the record, or the job that will give it.
  struct Plan {
    std::optional<store::ImageRecord> image;
    UniqueFd in_use;  // the image, or the blobs that the job counts on (store/in_use.h)
    JobSpec job;
    std::string reference;  // under which the job's result is recorded
  };
  static Result<Plan> Look(store::Store& store, const Wanted& wanted);
  static Result<Plan> LookForDigest(store::Store& store, const std::string& digest);
  static Result<Plan> LookForLayout(const store::Home& home, const std::string& path);
  static Result<Plan> LookForReference(store::Store& store, const Wanted& wanted);

  void OnPlan(Result<Plan> plan);
  void OnGot(Result<JobResult> result);
  void OnStored(store::ImageRecord image);
  void OnDisk(Result<UniqueFd> disk);
  void OnEvent(ByteSpan record);
  void OnProgress(ByteSpan record);
  void OnFound(ByteSpan record);
  void MakeEarly(const store::ImageRecord& image, UniqueFd staging);
  void Report(const proto::ProgressEvent& event);
  void Finish(Result<Rootfs> result);

  JobHost host_;
  store::Store& store_;  // outlives us
  ProgressHandler progress_;
  Done<Rootfs> done_;
  std::string reference_;
  store::ImageRecord image_;
  UniqueFd in_use_;
  std::unique_ptr<Job> job_;
  std::unique_ptr<DiskFile> early_;
  std::unique_ptr<DiskFile> disk_;
  Tasks tasks_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace boxlite::images
