#include "box/supervisor.h"

#include <algorithm>
#include <utility>

namespace boxlite::box {
namespace {

// Boxes have deadlines of their own; this one holds where the database or a disk does not answer.
constexpr uint64_t kReleaseLimitMs = 20'000;

Error Cancelled() {
  return Error(Code::kCancelled, "the operation was cancelled");
}

// Where there is an operation that could be cancelled.
void OnCancel(Supervisor& supervisor, Operation* operation, Operation::Cancelled cancelled) {
  if (operation != nullptr) operation->OnCancel(supervisor, std::move(cancelled));
}

}  // namespace

Supervisor::Supervisor(Parts parts)
    : parts_(parts), sweep_(parts.loop, [this] { Sweep(); }), deadline_(parts.loop, [this] {
        ReleaseWork();
        if (released_) std::exchange(released_, nullptr)();
        LookAtEnd();  // Without boxes, nobody else would.
      }) {}

Supervisor::~Supervisor() {
  boxes_.clear();
  image_operations_.clear();
}

Result<std::unique_ptr<Supervisor>> Supervisor::Create(Parts parts) {
  std::unique_ptr<Supervisor> supervisor(new Supervisor(parts));
  supervisor->worker_ = BOXLITE_TRY(Worker::Create(parts.loop));
  // A missing boxlite-image is told when it is needed.
  supervisor->images_ = std::make_unique<images::ImageManager>(
      images::ImageManager::Parts{parts.loop, parts.store, *supervisor->worker_, parts.log,
                                  parts.installation.ImagePath(), parts.settings.environment});
  return supervisor;
}

LiveBox& Supervisor::Box(const std::string& id) {
  auto& box = boxes_[id];
  if (!box) {
    LiveBox::Parts parts{parts_.loop,         parts_.store,    *images_,  *worker_,
                         parts_.installation, parts_.settings, parts_.log};
    box = std::make_unique<LiveBox>(parts, id, [this] { sweep_.Start(0); });
  }
  return *box;
}

void Supervisor::StartBox(const std::string& id, const std::shared_ptr<ProgressSlot>& progress,
                          const CompletionPtr<void>& completion, Operation* operation) {
  auto ready = [completion](Result<void> how) { completion->Finish(std::move(how)); };
  auto on_progress = [progress](const proto::ProgressEvent& event) { progress->Put(event); };
  LiveBox::Ticket ticket = Box(id).WhenRunning(std::move(ready), std::move(on_progress));
  OnCancel(*this, operation, [id, ticket, completion](Supervisor& self) {
    completion->Finish(Cancelled());
    self.Box(id).Unwait(ticket);
    self.sweep_.Start(0);
  });
}

// What was asked of the box goes on; only the wait for it ends.
void Supervisor::StopBox(const std::string& id, uint32_t timeout_ms,
                         const CompletionPtr<void>& completion, Operation* operation) {
  OnCancel(*this, operation, [completion](Supervisor&) { completion->Finish(Cancelled()); });
  Box(id).Stop(timeout_ms, [completion](Result<void> how) { completion->Finish(std::move(how)); });
}

void Supervisor::RemoveBox(const std::string& id, uint32_t flags,
                           const CompletionPtr<void>& completion, Operation* operation) {
  OnCancel(*this, operation, [completion](Supervisor&) { completion->Finish(Cancelled()); });
  Box(id).Remove(flags, [completion](Result<void> how) { completion->Finish(std::move(how)); });
}

void Supervisor::WaitBox(const std::string& id, const CompletionPtr<store::BoxRecord>& completion,
                         Operation* operation) {
  LiveBox::Ticket ticket = Box(id).WhenEnded(
      [completion](Result<store::BoxRecord> last) { completion->Finish(std::move(last)); });
  OnCancel(*this, operation, [id, ticket, completion](Supervisor& self) {
    completion->Finish(Cancelled());
    self.Box(id).ForgetEnder(ticket);
    self.sweep_.Start(0);
  });
}

void Supervisor::RunTask(const std::string& id, const std::shared_ptr<BoxTask>& task,
                         Operation* operation) {
  Box(id).Run(task);
  OnCancel(*this, operation, [id, task](Supervisor& self) {
    self.Box(id).Cancel(*task, Cancelled());
    self.sweep_.Start(0);
  });
}

void Supervisor::PullImage(const std::string& reference,
                           const std::shared_ptr<ProgressSlot>& progress,
                           const CompletionPtr<store::ImageRecord>& completion,
                           Operation* operation) {
  uint64_t number = ++last_image_operation_;
  images::Wanted wanted;
  wanted.reference = reference;
  wanted.registries = parts_.settings.image_registries;
  wanted.refresh = images::Refresh::kAlways;
  auto on_progress = [progress](const proto::ProgressEvent& event) { progress->Put(event); };
  auto done = [this, number, completion](const Result<images::Rootfs>& rootfs) {
    if (rootfs.ok()) {
      completion->Finish(rootfs.value().image);
    } else {
      completion->Finish(rootfs.error());
    }
    image_operations_.erase(number);
  };
  image_operations_[number] = images_->Prepare(std::move(wanted), on_progress, std::move(done));
  OnCancel(*this, operation, [number, completion](Supervisor& self) {
    completion->Finish(Cancelled());
    self.image_operations_.erase(number);
  });
}

template <typename T, typename Start>
void Supervisor::RunImageOperation(const CompletionPtr<T>& completion, Operation* operation,
                                   Start start) {
  uint64_t number = ++last_image_operation_;
  image_operations_[number] = start([this, number, completion](Result<T> how) {
    completion->Finish(std::move(how));
    image_operations_.erase(number);
  });
  OnCancel(*this, operation, [number, completion](Supervisor& self) {
    completion->Finish(Cancelled());
    self.image_operations_.erase(number);
  });
}

void Supervisor::RemoveImage(const std::string& reference, const CompletionPtr<void>& completion) {
  RunImageOperation<void>(completion, nullptr,
                          [&](auto done) { return images_->Remove(reference, std::move(done)); });
}

void Supervisor::LoadImages(UniqueFd source, const std::string& name,
                            const std::shared_ptr<ProgressSlot>& progress,
                            const CompletionPtr<ImageRecords>& completion, Operation* operation) {
  auto on_progress = [progress](const proto::ProgressEvent& event) { progress->Put(event); };
  RunImageOperation<ImageRecords>(completion, operation, [&](auto done) {
    return images_->Load(std::move(source), name, on_progress, std::move(done));
  });
}

void Supervisor::SaveImages(const std::vector<std::string>& names, UniqueFd sink,
                            const std::shared_ptr<ProgressSlot>& progress,
                            const CompletionPtr<void>& completion, Operation* operation) {
  auto on_progress = [progress](const proto::ProgressEvent& event) { progress->Put(event); };
  RunImageOperation<void>(completion, operation, [&](auto done) {
    return images_->Save(names, std::move(sink), on_progress, std::move(done));
  });
}

void Supervisor::PruneImages(store::Store::Prune what,
                             const CompletionPtr<store::PruneReport>& completion,
                             Operation* operation) {
  RunImageOperation<store::PruneReport>(
      completion, operation, [&](auto done) { return images_->Prune(what, std::move(done)); });
}

void Supervisor::Diagnose(proto::Engine wanted, const CompletionPtr<DoctorReport>& completion) {
  worker_->Compute(
      [&parts = parts_, wanted] {
        return Examine(parts.installation, parts.settings.qemu_path, parts.store.home(), wanted);
      },
      [completion](DoctorReport report) { completion->Finish(std::move(report)); });
}

void Supervisor::CollectGarbage() {
  worker_->Compute(
      [&store = parts_.store] { return store.CollectGarbage(); },
      [&log = parts_.log](const Result<void>& collected) {
        if (!collected.ok())
          log.Warn("the home directory was not tidied: " + collected.error().message());
      });
}

void Supervisor::Shutdown(uint32_t timeout_ms, std::function<void()> done) {
  shutdowns_.push_back(std::move(done));
  if (shutdowns_.size() == 1) {
    deadline_.Start(timeout_ms);
    for (auto& [id, box] : boxes_) box->EndWithRuntime(timeout_ms);
  }
  sweep_.Start(0);
}

void Supervisor::Release(std::function<void()> done) {
  released_ = std::move(done);
  ReleaseWork();
  deadline_.Start(kReleaseLimitMs);
  sweep_.Start(0);
}

void Supervisor::ReleaseWork() {
  if (std::exchange(release_begun_, true)) return;
  image_operations_.clear();
  for (auto& [id, box] : boxes_) box->Release();
}

bool Supervisor::BoxesAreQuiet() const {
  return std::none_of(boxes_.begin(), boxes_.end(),
                      [](const auto& entry) { return entry.second->ends_with_runtime(); });
}

void Supervisor::Sweep() {
  for (auto at = boxes_.begin(); at != boxes_.end();) {
    at = at->second->idle() ? boxes_.erase(at) : std::next(at);
  }
  LookAtEnd();
}

void Supervisor::LookAtEnd() {
  if (!BoxesAreQuiet()) return;
  if (released_) return std::exchange(released_, nullptr)();
  if (shutdowns_.empty() || !parts_.outstanding.none()) return;
  deadline_.Cancel();
  for (auto& done : std::exchange(shutdowns_, {})) done();
}

}  // namespace boxlite::box
