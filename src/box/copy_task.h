// CopyInTask and CopyOutTask: a tree of the host's files into a box, and one of a box's to the host
// (docs/files.md). The host's files are read and written on the runtime's worker, a piece at a
// time, so that others get their turn there.
//
// Thread rule: the loop's thread, but for construction.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "box/file_task.h"
#include "box/progress_slot.h"
#include "box/worker.h"

namespace boxlite::box {

// The numbers of BOXLITE_COPY_*.
constexpr uint32_t kCopyNoOverwrite = 1;
constexpr uint32_t kCopyFollowLink = 2;
constexpr uint32_t kCopyContents = 4;
constexpr uint32_t kCopyParents = 8;
constexpr uint32_t kCopyOwners = 16;

Result<void> CheckCopyFlags(uint32_t flags);

struct CopyOptions {
  uint32_t flags = 0;
  std::string user;        // owner in the box; empty: root
  uint64_t max_bytes = 0;  // out of a box; 0: any number
};

struct CopyProgress {
  uint64_t files = 0;
  uint64_t bytes = 0;
};
using CopySlot = LatestSlot<CopyProgress>;
using CopySink = CopySlot::Sink;

struct CopyRequest {
  std::string host_path, guest_path;
  CopyOptions options;
  std::shared_ptr<CopySlot> progress;  // with the event that is queued
};

class CopyInTask : public FileTask {
 public:
  CopyInTask(CopyRequest request, Worker& worker, CompletionPtr<void> completion);
  ~CopyInTask() override;
  CopyInTask(const CopyInTask&) = delete;
  CopyInTask& operator=(const CopyInTask&) = delete;
  void OnRunning(LiveBox& box) override;

 private:
  struct Source;
  struct Piece;

  void DropTransfer() override;
  void Produce();
  void OnPiece(Result<Piece> piece);
  Result<void> OpenUpload();
  void OnDone(Result<void> how);

  const CopyRequest request_;
  Worker& worker_;
  LiveBox* target_ = nullptr;
  std::shared_ptr<Source> source_;  // with the work on the worker
  std::unique_ptr<client::Upload> upload_;
  int waiting_ = 0;  // pieces that are not sent
  bool producing_ = false;
  bool ended_ = false;
};

class CopyOutTask : public FileTask {
 public:
  CopyOutTask(CopyRequest request, Worker& worker, CompletionPtr<void> completion);
  ~CopyOutTask() override;
  CopyOutTask(const CopyOutTask&) = delete;
  CopyOutTask& operator=(const CopyOutTask&) = delete;
  void OnRunning(LiveBox& box) override;

 private:
  struct Target;

  void DropTransfer() override;
  void Pass();
  void OnPassed(size_t size);
  void OnDone(Result<void> how);

  const CopyRequest request_;
  Worker& worker_;
  std::shared_ptr<Target> target_;  // with the work on the worker
  std::unique_ptr<client::Download> download_;
  Bytes waiting_;
  bool passing_ = false;
  bool whole_ = false;  // everything has come
};

}  // namespace boxlite::box
