#include "box/runtime.h"

#include <utility>

#include "base/clock.h"
#include "box/environment.h"
#include "box/file_task.h"
#include "box/launch.h"
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
  auto completion = std::make_shared<Completion<void>>(CompletionTarget{*queue_, shutdowns_},
                                                       std::move(callbacks));
  auto task = [timeout_ms, completion, queue = queue_.get()](Supervisor& supervisor) {
    supervisor.Shutdown(timeout_ms, [completion, queue] {
      completion->Finish({});
      queue->Close();
    });
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

Result<Runtime::OperationPtr> Runtime::RemoveBox(const std::string& id, uint32_t flags,
                                                 Callbacks<void> callbacks) {
  if ((flags & ~kRemoveForce) != 0)
    return Error(Code::kInvalidArgument, "flags has bits that are not known");
  return SubmitOperation(std::move(callbacks), [id, flags](Supervisor& supervisor, auto completion,
                                                           Operation* operation) {
    supervisor.RemoveBox(id, flags, completion, operation);
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

Result<Runtime::OperationPtr> Runtime::ReadFile(const std::string& id,
                                                const proto::ReadFile& request,
                                                const std::function<void(ByteSpan)>& sink,
                                                Callbacks<void> callbacks) {
  return SubmitOperation(std::move(callbacks),
                         [id, request, sink, gate = gate_.get(), queue = queue_.get()](
                             Supervisor& supervisor, const auto& completion, Operation* operation) {
                           auto task = ReadTask::Create(*gate, *queue, request, sink, completion);
                           supervisor.RunTask(id, task, operation);
                         });
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

Result<void> Runtime::Doctor(Callbacks<DoctorReport> callbacks) {
  auto completion = Promise(std::move(callbacks));
  return Submit(completion,
                [completion](Supervisor& supervisor) { supervisor.Diagnose(completion); });
}

}  // namespace boxlite::box
