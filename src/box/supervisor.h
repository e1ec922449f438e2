// Supervisor: everything of a runtime that lives on its loop's thread: the boxes that it has to do
// with, image operations, and the orderly end of them all.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "box/completion.h"
#include "box/doctor.h"
#include "box/live_box.h"
#include "box/operation.h"
#include "box/progress_slot.h"
#include "box/worker.h"
#include "helper/installation.h"
#include "images/images.h"
#include "store/store.h"

namespace boxlite::box {

class Supervisor {
 public:
  // Borrowed from the runtime, which outlives us.
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    const helper::Installation& installation;
    const VmSettings& settings;
    const Log& log;
    Outstanding& outstanding;
  };
  static Result<std::unique_ptr<Supervisor>> Create(Parts parts);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // The box with this id, made up where this runtime had nothing to do with it so far.
  LiveBox& Box(const std::string& id);

  void StartBox(const std::string& id, const std::shared_ptr<ProgressSlot>& progress,
                const CompletionPtr<void>& completion, Operation* operation);
  void StopBox(const std::string& id, uint32_t timeout_ms, const CompletionPtr<void>& completion,
               Operation* operation);
  void RemoveBox(const std::string& id, uint32_t flags, const CompletionPtr<void>& completion,
                 Operation* operation);
  void WaitBox(const std::string& id, const CompletionPtr<store::BoxRecord>& completion,
               Operation* operation);
  // The task's completion is its own; the operation cancels it.
  void RunTask(const std::string& id, const std::shared_ptr<BoxTask>& task, Operation* operation);

  void PullImage(const std::string& reference, const std::shared_ptr<ProgressSlot>& progress,
                 const CompletionPtr<store::ImageRecord>& completion, Operation* operation);
  void RemoveImage(const std::string& reference, const CompletionPtr<void>& completion);
  using ImageRecords = std::vector<store::ImageRecord>;
  void LoadImages(UniqueFd source, const std::string& name,
                  const std::shared_ptr<ProgressSlot>& progress,
                  const CompletionPtr<ImageRecords>& completion, Operation* operation);
  void SaveImages(const std::vector<std::string>& names, UniqueFd sink,
                  const std::shared_ptr<ProgressSlot>& progress,
                  const CompletionPtr<void>& completion, Operation* operation);
  void PruneImages(store::Store::Prune what, const CompletionPtr<store::PruneReport>& completion,
                   Operation* operation);
  void Diagnose(proto::Engine wanted, const CompletionPtr<DoctorReport>& completion);
  Worker& worker() { return *worker_; }
  // Removes what no record names, some time.
  void CollectGarbage();

  // `done` when every box that ends with the runtime has ended and nothing is outstanding.
  void Shutdown(uint32_t timeout_ms, std::function<void()> done);
  // `done` when the loop may end. Completions that are left are cancelled by being dropped.
  void Release(std::function<void()> done);
  // Something may have become idle.
  void LookAtEnd();

 private:
  explicit Supervisor(Parts parts);
  void Sweep();
  bool BoxesAreQuiet() const;
  void ReleaseWork();
  // Runs what `start` makes, an images::Operation that calls the Done it is given; the operation
  // cancels it.
  template <typename T, typename Start>
  void RunImageOperation(const CompletionPtr<T>& completion, Operation* operation, Start start);

  Parts parts_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<images::ImageManager> images_;
  std::unordered_map<std::string, std::unique_ptr<LiveBox>> boxes_;
  std::unordered_map<uint64_t, std::unique_ptr<images::Operation>> image_operations_;
  uint64_t last_image_operation_ = 0;
  loop::Timer sweep_;
  loop::Timer deadline_;
  bool release_begun_ = false;
  std::vector<std::function<void()>> shutdowns_;
  std::function<void()> released_;
};

}  // namespace boxlite::box
