// Runtime: a home directory that is open in this process, with its loop thread, its worker and its
// queue of callbacks. Everything here may be called from any thread; what takes time is sent to the
// loop (supervisor.h) and completes in the queue.
//
// Ends: Shutdown asks for an orderly end and completes by callback; Destroy ends at once, on the
// calling thread, or at the end of the drain in whose callback it is called. Handles of boxes and
// executions share the Runtime and may outlive both; their calls then answer kStopped.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "box/callback_queue.h"
#include "box/completion.h"
#include "box/copy_task.h"
#include "box/execution.h"
#include "box/fork_guard.h"
#include "box/loop_gate.h"
#include "box/operation.h"
#include "box/options.h"
#include "box/progress_slot.h"
#include "box/supervisor.h"
#include "box/upload_task.h"
#include "store/store.h"

namespace boxlite::box {

class Runtime : public std::enable_shared_from_this<Runtime> {
 public:
  // `options.log_finalize` runs where this succeeds, at the runtime's end.
  static Result<std::shared_ptr<Runtime>> Create(RuntimeOptions options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  bool InForkedChild() const { return guard_->InForkedChild(); }
  int fd() const { return queue_->fd(); }
  Result<int> Drain(int timeout_ms);
  Result<void> Shutdown(uint32_t timeout_ms, Callbacks<void> callbacks);
  void Destroy();

  // ---- answered from the records
  Result<std::string> CreateBox(const BoxOptions& options);
  Result<std::string> FindBox(const std::string& id_or_name);
  Result<void> RenameBox(const std::string& id, const std::string& name);
  Result<void> SetDetached(const std::string& id, bool detached);
  Result<store::BoxRecord> BoxInfo(const std::string& id);
  Result<std::vector<store::BoxRecord>> ListBoxes();
  Result<std::vector<store::ImageRecord>> ListImages();
  Result<store::ImageRecord> ImageInfo(const std::string& name);
  Result<void> TagImage(const std::string& name, const std::string& reference);
  Result<store::DiskUsage> DiskUsage();

  // ---- completed by callback; those that return an Operation can be cancelled with it
  using OperationPtr = std::shared_ptr<Operation>;  // shared with the work
  Result<OperationPtr> StartBox(const std::string& id, ProgressSink progress,
                                Callbacks<void> callbacks);
  Result<OperationPtr> StopBox(const std::string& id, uint32_t timeout_ms,
                               Callbacks<void> callbacks);
  Result<OperationPtr> KillBox(const std::string& id, int number, Callbacks<void> callbacks);
  Result<OperationPtr> RemoveBox(const std::string& id, uint32_t flags, Callbacks<void> callbacks);
  // The last record of a box, when it has ended.
  Result<OperationPtr> WaitBox(const std::string& id, Callbacks<store::BoxRecord> callbacks);
  Result<std::shared_ptr<Execution>> Exec(const std::string& id, ExecOptions options,
                                          ExecSinks sinks, Callbacks<Execution::Exit> callbacks);
  Result<OperationPtr> WriteFile(const std::string& id, const proto::WriteFile& request, Bytes data,
                                 Callbacks<void> callbacks);
  // Any operation of the agent that gives bytes; `request` is of client::EncodeDownload.
  Result<OperationPtr> ReadStream(const std::string& id, const Bytes& request,
                                  const std::function<void(ByteSpan)>& sink,
                                  Callbacks<void> callbacks);
  // Any that answers by a word.
  Result<OperationPtr> Ask(const std::string& id, const Bytes& request, Callbacks<void> callbacks);
  template <typename Message>
  Result<OperationPtr> List(const std::string& id, const Bytes& request,
                            Callbacks<std::vector<Message>> callbacks);
  Result<OperationPtr> CopyIn(const std::string& id, CopyRequest request, CopySink progress,
                              Callbacks<void> callbacks);
  Result<OperationPtr> CopyOut(const std::string& id, CopyRequest request, CopySink progress,
                               Callbacks<void> callbacks);
  // An archive into a box, of which bytes come later.
  Result<std::shared_ptr<UploadTask>> OpenUpload(const std::string& id,
                                                 const proto::PutTree& request,
                                                 Callbacks<void> callbacks);
  Result<OperationPtr> PullImage(const std::string& reference, ProgressSink progress,
                                 Callbacks<store::ImageRecord> callbacks);
  Result<void> RemoveImage(const std::string& reference, Callbacks<void> callbacks);
  // `source` and `sink` are the user's; they are duplicated.
  Result<OperationPtr> LoadImages(int source, const std::string& name, ProgressSink progress,
                                  Callbacks<Supervisor::ImageRecords> callbacks);
  Result<OperationPtr> SaveImages(const std::vector<std::string>& names, int sink,
                                  ProgressSink progress, Callbacks<void> callbacks);
  Result<OperationPtr> PruneImages(uint32_t flags, Callbacks<store::PruneReport> callbacks);
  Result<void> Doctor(Callbacks<DoctorReport> callbacks);

 private:
  Runtime() = default;
  Result<void> Open(const RuntimeOptions& options);
  Result<void> StartThreads();
  void LoopMain();
  void DrainMain();
  void End();
  CompletionTarget target() { return {*queue_, outstanding_}; }
  template <typename T>
  CompletionPtr<T> Promise(Callbacks<T> callbacks) {
    return std::make_shared<Completion<T>>(target(), std::move(callbacks));
  }
  // Sends `work` to the loop with a completion that is promised from then on.
  template <typename T, typename Work>
  Result<void> Submit(const CompletionPtr<T>& completion, Work work);
  template <typename T, typename Work>
  Result<OperationPtr> SubmitOperation(Callbacks<T> callbacks, Work work);
  Result<void> CheckOpen() { return gate_->CheckOpen(); }

  std::unique_ptr<ForkGuard> guard_;
  uint32_t flags_ = 0;
  proto::Engine engine_ = proto::Engine::kAuto;
  Log log_;
  std::function<void()> log_finalize_;
  VmSettings settings_;
  helper::Installation installation_{std::string()};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<CallbackQueue> queue_;
  Outstanding outstanding_;
  Outstanding shutdowns_;  // not waited for by shutdowns
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<Supervisor> supervisor_;  // the loop thread's, once that runs
  std::unique_ptr<loop::Mailbox<LoopGate::Task>> mailbox_;
  std::unique_ptr<LoopGate> gate_;
  std::thread loop_thread_;
  std::thread drain_thread_;
  std::atomic<bool> shutting_down_{false};
  std::atomic<bool> end_wanted_{false};  // Destroy was called inside a callback
  std::atomic<bool> ended_{false};
};

}  // namespace boxlite::box
