#include "box/runtime.h"

#include <csignal>
#include <utility>

#include "base/clock.h"
#include "base/sys.h"
#include "box/environment.h"
#include "box/file_task.h"
#include "box/launch.h"
#include "box/signal_task.h"
#include "oci/reference.h"

namespace boxlite::box {

// ---------------------------------------------------------------- life

Result<std::shared_ptr<Runtime>> Runtime::Create(RuntimeOptions options) {
  BOXLITE_TRY(CheckRuntimeOptions(options));
  std::shared_ptr<Runtime> runtime(new Runtime());
  BOXLITE_TRY(runtime->Open(options));
  BOXLITE_TRY(runtime->StartThreads());
  runtime->log_finalize_ = std::move(options.log_finalize);
  return runtime;
}

Runtime::~Runtime() {
  // Not where Destroy has run: then there is nothing left.
  if (loop_thread_.joinable()) End();
}

Result<void> Runtime::Open(const RuntimeOptions& options) {
  flags_ = options.flags;
  engine_ = options.engine;
  log_ = MakeLog(options);
  guard_ = BOXLITE_TRY(ForkGuard::Create());
  bool own_thread = (flags_ & kRuntimeDrainThread) != 0;
  queue_ = BOXLITE_TRY(CallbackQueue::Create(own_thread ? CallbackQueue::Bell::kNone
                                                        : CallbackQueue::Bell::kDescriptor));
  installation_ = helper::Installation::Locate();
  settings_.image_registries = options.image_registries;
  settings_.environment = WholeEnvironment();
  settings_.qemu_path = FindQemu();
  settings_.kernel_log = EffectiveLogLevel(options) >= LogLevel::kDebug;
  std::string home = BOXLITE_TRY(HomePath(options));
  store_ = BOXLITE_TRY(store::Store::Open(home));
  return BuryTheDead(*store_);
}

Result<void> Runtime::StartThreads() {
  loop_ = BOXLITE_TRY(loop::Loop::Create());
  mailbox_ = BOXLITE_TRY(
      loop::Mailbox<LoopGate::Task>::Create(*loop_, [this](std::vector<LoopGate::Task> tasks) {
        for (LoopGate::Task& task : tasks) {
          task(*supervisor_);
          task = nullptr;  // What it owns completes as it goes, in the order of the tasks.
        }
      }));
  supervisor_ = BOXLITE_TRY(
      Supervisor::Create({*loop_, *store_, installation_, settings_, log_, outstanding_}));
  gate_ = std::make_unique<LoopGate>(*mailbox_);
  outstanding_.OnIdle([this] {
    if (shutting_down_) gate_->Tell([](Supervisor& supervisor) { supervisor.LookAtEnd(); });
  });
  supervisor_->CollectGarbage();
  loop_thread_ = BOXLITE_TRY(StartThread("boxlite-loop", [this] { LoopMain(); }));
  if ((flags_ & kRuntimeDrainThread) == 0) return {};
  // The thread keeps the runtime until Destroy ends it.
  drain_thread_ =
      BOXLITE_TRY(StartThread("boxlite-drain", [self = shared_from_this()] { self->DrainMain(); }));
  return {};
}

void Runtime::LoopMain() {
  loop_->Run();
  supervisor_.reset();
}

void Runtime::DrainMain() {
  while (queue_->Drain(-1).ok()) {
    if (!end_wanted_) continue;
    drain_thread_.detach();
    return End();
  }
}

Result<int> Runtime::Drain(int timeout_ms) {
  if ((flags_ & kRuntimeDrainThread) != 0)
    return Error(Code::kWouldDeadlock, "the runtime drains on a thread of its own");
  Result<int> count = queue_->Drain(timeout_ms);
  if (end_wanted_ && !queue_->InCallback()) End();
  return count;
}

Result<void> Runtime::Shutdown(uint32_t timeout_ms, Callbacks<void> callbacks) {
  // Closed by the last thing that its completion does, so that who has seen it is told kStopped.
  callbacks.finalize = [finalize = std::move(callbacks.finalize), queue = queue_.get()] {
    if (finalize) finalize();
    queue->Close();
  };
  auto completion = std::make_shared<Completion<void>>(CompletionTarget{*queue_, shutdowns_},
                                                       std::move(callbacks));
  auto task = [timeout_ms, completion](Supervisor& supervisor) {
    supervisor.Shutdown(timeout_ms, [completion] { completion->Finish({}); });
  };
  // Before the task: the last completion, if it comes in between, has to tell of it.
  gate_->RefuseNew();
  shutting_down_ = true;
  return gate_->Post(std::move(task), [&] {
    completion->Arm();
    queue_->ExpectClose();
  });
}

void Runtime::Destroy() {
  if (queue_->InCallback()) {
    end_wanted_ = true;
    return;
  }
  End();
}

void Runtime::End() {
  if (ended_.exchange(true)) return;
  gate_->RefuseNew();
  gate_->Tell([loop = loop_.get()](Supervisor& supervisor) {
    supervisor.Release([loop] { loop->Stop(); });
  });
  loop_thread_.join();
  gate_->Close();
  mailbox_.reset();  // What was on its way to the loop is cancelled.
  loop_.reset();
  queue_->CloseForGood();
  if (drain_thread_.joinable()) drain_thread_.join();
  queue_->RunAll();
  log_ = Log();
  if (log_finalize_) std::exchange(log_finalize_, nullptr)();
}

// ---------------------------------------------------------------- records

Result<std::string> Runtime::CreateBox(const BoxOptions& options) {
  BOXLITE_TRY(CheckOpen());
  store::BoxRecord record = BOXLITE_TRY(MakeBoxRecord(options, engine_));
  record.id = BOXLITE_TRY(store_->NewId());
  record.created_at_ms = RealtimeMs();
  BOXLITE_TRY(store_->InsertBox(record));
  return record.id;
}

Result<std::string> Runtime::FindBox(const std::string& id_or_name) {
  BOXLITE_TRY(CheckOpen());
  store::BoxRecord record = BOXLITE_TRY(store_->FindBox(id_or_name));
  return record.id;
}

Result<void> Runtime::RenameBox(const std::string& id, const std::string& name) {
  BOXLITE_TRY(CheckOpen());
  if (!name.empty()) BOXLITE_TRY(CheckBoxName(name));
  auto changed = store_->ChangeBox(id, {}, [&](store::BoxRecord& box) { box.name = name; });
  return changed.ok() ? Result<void>() : changed.TakeError();
}

Result<void> Runtime::SetDetached(const std::string& id, bool detached) {
  BOXLITE_TRY(CheckOpen());
  auto changed = store_->ChangeBox(
      id, {store::BoxState::kCreated, store::BoxState::kStopped}, [&](store::BoxRecord& box) {
        box.flags = detached ? box.flags | store::kBoxDetached : box.flags & ~store::kBoxDetached;
      });
  return changed.ok() ? Result<void>() : changed.TakeError();
}

Result<store::BoxRecord> Runtime::BoxInfo(const std::string& id) {
  BOXLITE_TRY(gate_->CheckRunning());
  return ReadBox(*store_, id);
}

Result<std::vector<store::BoxRecord>> Runtime::ListBoxes() {
  BOXLITE_TRY(gate_->CheckRunning());
  BOXLITE_TRY(BuryTheDead(*store_));
  return store_->ListBoxes();
}

Result<std::vector<store::ImageRecord>> Runtime::ListImages() {
  BOXLITE_TRY(gate_->CheckRunning());
  return store_->ListImages();
}

Result<store::ImageRecord> Runtime::ImageInfo(const std::string& name) {
  BOXLITE_TRY(gate_->CheckRunning());
  return store_->FindImage(name);
}

Result<void> Runtime::TagImage(const std::string& name, const std::string& reference) {
  BOXLITE_TRY(CheckOpen());
  oci::Reference parsed = BOXLITE_TRY(oci::ParseReference(reference));
  if (parsed.digest)
    return Error(Code::kInvalidArgument,
                 "reference " + reference + " has a digest, which names one image for ever",
                 "give a name and a tag");
  return store_->TagImage(name, parsed.Canonical());
}

Result<store::DiskUsage> Runtime::DiskUsage() {
  BOXLITE_TRY(gate_->CheckRunning());
  BOXLITE_TRY(BuryTheDead(*store_));
  return store_->GetDiskUsage();
}

// ---------------------------------------------------------------- work

template <typename T, typename Work>
Result<void> Runtime::Submit(const CompletionPtr<T>& completion, Work work) {
  return gate_->Submit(std::move(work), [&] { completion->Arm(); });
}

template <typename T, typename Work>
Result<Runtime::OperationPtr> Runtime::SubmitOperation(Callbacks<T> callbacks, Work work) {
  auto completion = Promise(std::move(callbacks));
  auto operation = std::make_shared<Operation>(*gate_);
  BOXLITE_TRY(Submit(completion, [completion, operation, work](Supervisor& supervisor) {
    work(supervisor, completion, operation.get());
  }));
  return operation;
}

Result<Runtime::OperationPtr> Runtime::StartBox(const std::string& id, ProgressSink progress,
                                                Callbacks<void> callbacks) {
  auto slot = std::make_shared<ProgressSlot>(*queue_, std::move(progress));
  return SubmitOperation(
      std::move(callbacks),
      [id, slot](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.StartBox(id, slot, completion, operation);
      });
}

Result<Runtime::OperationPtr> Runtime::StopBox(const std::string& id, uint32_t timeout_ms,
                                               Callbacks<void> callbacks) {
  return SubmitOperation(
      std::move(callbacks),
      [id, timeout_ms](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.StopBox(id, timeout_ms, completion, operation);
      });
}

Result<Runtime::OperationPtr> Runtime::KillBox(const std::string& id, int number,
                                               Callbacks<void> callbacks) {
  BOXLITE_TRY(CheckSignal(number));
  store::BoxRecord record = BOXLITE_TRY(BoxInfo(id));
  if (!store::IsActive(record.state))
    return Error(Code::kInvalidState,
                 "box " + id + " is " + store::BoxStateName(record.state) + "; it does not run");
  if (number == SIGKILL) return StopBox(id, 0, std::move(callbacks));
  return SubmitOperation(
      std::move(callbacks),
      [id, number](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.RunTask(
            id, std::make_shared<SignalTask>(static_cast<uint8_t>(number), completion), operation);
      });
}

Result<Runtime::OperationPtr> Runtime::RemoveBox(const std::string& id, uint32_t flags,
                                                 Callbacks<void> callbacks) {
  if ((flags & ~kRemoveForce) != 0)
    return Error(Code::kInvalidArgument, "flags has bits that are not known");
  return SubmitOperation(std::move(callbacks), [id, flags](Supervisor& supervisor, auto completion,
                                                           Operation* operation) {
    supervisor.RemoveBox(id, flags, completion, operation);
  });
}

Result<Runtime::OperationPtr> Runtime::WaitBox(const std::string& id,
                                               Callbacks<store::BoxRecord> callbacks) {
  return SubmitOperation(std::move(callbacks), [id](Supervisor& supervisor, const auto& completion,
                                                    Operation* operation) {
    supervisor.WaitBox(id, completion, operation);
  });
}

Result<std::shared_ptr<Execution>> Runtime::Exec(const std::string& id, ExecOptions options,
                                                 ExecSinks sinks,
                                                 Callbacks<Execution::Exit> callbacks) {
  BOXLITE_TRY(CheckExecOptions(options));
  std::string execution_id = BOXLITE_TRY(store_->NewId());
  auto execution = Execution::Create({*gate_, *queue_, outstanding_}, std::move(execution_id),
                                     std::move(options), std::move(sinks), std::move(callbacks));
  BOXLITE_TRY(gate_->Submit(
      [id, execution](Supervisor& supervisor) { supervisor.RunTask(id, execution, nullptr); },
      [&] { execution->Arm(); }));
  return execution;
}

Result<Runtime::OperationPtr> Runtime::WriteFile(const std::string& id,
                                                 const proto::WriteFile& request, Bytes data,
                                                 Callbacks<void> callbacks) {
  auto bytes = std::make_shared<Bytes>(std::move(data));  // std::function wants to be copied.
  return SubmitOperation(
      std::move(callbacks),
      [id, request, bytes](Supervisor& supervisor, const auto& completion, Operation* operation) {
        auto task = std::make_shared<WriteTask>(request, std::move(*bytes), completion);
        supervisor.RunTask(id, task, operation);
      });
}

Result<Runtime::OperationPtr> Runtime::ReadStream(const std::string& id, const Bytes& request,
                                                  const std::function<void(ByteSpan)>& sink,
                                                  Callbacks<void> callbacks) {
  return SubmitOperation(std::move(callbacks),
                         [id, request, sink, gate = gate_.get(), queue = queue_.get()](
                             Supervisor& supervisor, const auto& completion, Operation* operation) {
                           auto task = ReadTask::Create(*gate, *queue, request, sink, completion);
                           supervisor.RunTask(id, task, operation);
                         });
}

Result<Runtime::OperationPtr> Runtime::Ask(const std::string& id, const Bytes& request,
                                           Callbacks<void> callbacks) {
  return SubmitOperation(
      std::move(callbacks),
      [id, request](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.RunTask(id, std::make_shared<WordTask>(request, completion), operation);
      });
}

template <typename Message>
Result<Runtime::OperationPtr> Runtime::List(const std::string& id, const Bytes& request,
                                            Callbacks<std::vector<Message>> callbacks) {
  return SubmitOperation(
      std::move(callbacks),
      [id, request](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.RunTask(id, std::make_shared<ListTask<Message>>(request, completion), operation);
      });
}
template Result<Runtime::OperationPtr> Runtime::List(const std::string&, const Bytes&,
                                                     Callbacks<std::vector<proto::FileInfo>>);
template Result<Runtime::OperationPtr> Runtime::List(const std::string&, const Bytes&,
                                                     Callbacks<std::vector<proto::ProcessInfo>>);

Result<Runtime::OperationPtr> Runtime::CopyIn(const std::string& id, CopyRequest request,
                                              CopySink progress, Callbacks<void> callbacks) {
  BOXLITE_TRY(CheckCopyFlags(request.options.flags));
  request.progress = std::make_shared<CopySlot>(*queue_, std::move(progress));
  return SubmitOperation(
      std::move(callbacks),
      [id, request](Supervisor& supervisor, const auto& completion, Operation* operation) {
        auto task = std::make_shared<CopyInTask>(request, supervisor.worker(), completion);
        supervisor.RunTask(id, task, operation);
      });
}

Result<Runtime::OperationPtr> Runtime::CopyOut(const std::string& id, CopyRequest request,
                                               CopySink progress, Callbacks<void> callbacks) {
  BOXLITE_TRY(CheckCopyFlags(request.options.flags));
  request.progress = std::make_shared<CopySlot>(*queue_, std::move(progress));
  return SubmitOperation(
      std::move(callbacks),
      [id, request](Supervisor& supervisor, const auto& completion, Operation* operation) {
        auto task = std::make_shared<CopyOutTask>(request, supervisor.worker(), completion);
        supervisor.RunTask(id, task, operation);
      });
}

Result<std::shared_ptr<UploadTask>> Runtime::OpenUpload(const std::string& id,
                                                        const proto::PutTree& request,
                                                        Callbacks<void> callbacks) {
  auto completion = Promise(std::move(callbacks));
  auto task = std::make_shared<UploadTask>(UploadTask::Parts{*gate_, *queue_, outstanding_},
                                           request, completion);
  BOXLITE_TRY(Submit(
      completion, [id, task](Supervisor& supervisor) { supervisor.RunTask(id, task, nullptr); }));
  return task;
}

Result<Runtime::OperationPtr> Runtime::PullImage(const std::string& reference,
                                                 ProgressSink progress,
                                                 Callbacks<store::ImageRecord> callbacks) {
  auto parsed = oci::ParseReference(reference);
  if (!parsed.ok()) return parsed.TakeError();
  auto slot = std::make_shared<ProgressSlot>(*queue_, std::move(progress));
  return SubmitOperation(
      std::move(callbacks),
      [reference, slot](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.PullImage(reference, slot, completion, operation);
      });
}

Result<void> Runtime::RemoveImage(const std::string& reference, Callbacks<void> callbacks) {
  auto completion = Promise(std::move(callbacks));
  return Submit(completion, [reference, completion](Supervisor& supervisor) {
    supervisor.RemoveImage(reference, completion);
  });
}

namespace {

// The user may close his own when the call has returned. std::function wants to be copied.
Result<std::shared_ptr<UniqueFd>> Duplicated(int fd, const char* name) {
  if (fd < 0) return Error(Code::kInvalidArgument, std::string(name) + " is no descriptor");
  Result<UniqueFd> own = sys::Duplicate(fd);
  if (!own.ok()) return own.TakeError().WithCode(Code::kInvalidArgument).Context(name);
  return std::make_shared<UniqueFd>(own.TakeValue());
}

}  // namespace

Result<Runtime::OperationPtr> Runtime::LoadImages(int source, const std::string& name,
                                                  ProgressSink progress,
                                                  Callbacks<Supervisor::ImageRecords> callbacks) {
  if (!name.empty()) BOXLITE_TRY(oci::ParseReference(name));
  auto own = BOXLITE_TRY(Duplicated(source, "fd"));
  auto slot = std::make_shared<ProgressSlot>(*queue_, std::move(progress));
  return SubmitOperation(
      std::move(callbacks),
      [own, name, slot](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.LoadImages(std::move(*own), name, slot, completion, operation);
      });
}

Result<Runtime::OperationPtr> Runtime::SaveImages(const std::vector<std::string>& names, int sink,
                                                  ProgressSink progress,
                                                  Callbacks<void> callbacks) {
  if (names.empty()) return Error(Code::kInvalidArgument, "no image was named");
  auto own = BOXLITE_TRY(Duplicated(sink, "fd"));
  auto slot = std::make_shared<ProgressSlot>(*queue_, std::move(progress));
  return SubmitOperation(
      std::move(callbacks),
      [own, names, slot](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.SaveImages(names, std::move(*own), slot, completion, operation);
      });
}

Result<Runtime::OperationPtr> Runtime::PruneImages(uint32_t flags,
                                                   Callbacks<store::PruneReport> callbacks) {
  if ((flags & ~kPruneAll) != 0)
    return Error(Code::kInvalidArgument, "flags has bits that are not known");
  auto what =
      (flags & kPruneAll) != 0 ? store::Store::Prune::kWithoutBox : store::Store::Prune::kUnnamed;
  return SubmitOperation(
      std::move(callbacks),
      [what](Supervisor& supervisor, const auto& completion, Operation* operation) {
        supervisor.PruneImages(what, completion, operation);
      });
}

Result<void> Runtime::Doctor(Callbacks<DoctorReport> callbacks) {
  auto completion = Promise(std::move(callbacks));
  return Submit(completion, [engine = engine_, completion](Supervisor& supervisor) {
    supervisor.Diagnose(engine, completion);
  });
}

}  // namespace boxlite::box
