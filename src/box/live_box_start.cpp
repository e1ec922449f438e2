// How a LiveBox comes to run; see live_box.h for the states.
#include <utility>

#include "base/clock.h"
#include "base/sys_socket.h"
#include "box/live_box.h"

namespace boxlite::box {
namespace {

// Another process has the box for a moment: it is burying it, or its machine boots.
constexpr uint64_t kLookAgainMs = 25;
constexpr int64_t kLookLimitMs = 60'000;
// boxlite-vm answers once its machine runs, and has deadlines for that of its own (90 s for a
// boot); this one holds where it does not keep them.
constexpr uint64_t kAnswerLimitMs = 120'000;
constexpr uint64_t kScratchBytes = uint64_t{8} << 30;  // sparse

}  // namespace

void LiveBox::Look() {
  state_ = State::kLooking;
  if (looking_since_ms_ == 0) looking_since_ms_ = MonotonicMs();
  parts_.worker.Compute([&store = parts_.store, id = id_] { return ReadBox(store, id); },
                        [this](Result<store::BoxRecord> record) { OnLooked(std::move(record)); });
}

void LiveBox::LookAgain() {
  end_timer_.Cancel();
  launch_.reset();
  info_.reset();
  connection_.reset();
  process_.reset();
  if (aborted_) return BecomeIdle();
  if (MonotonicMs() - looking_since_ms_ > kLookLimitMs)
    return FailStart(Error(Code::kBusy, "box " + id_ + " is held by another process, which does " +
                                            "not let it be used"));
  state_ = State::kLooking;
  again_.Start(kLookAgainMs);
}

void LiveBox::OnLooked(Result<store::BoxRecord> record) {
  if (aborted_) return BecomeIdle();
  if (!record.ok()) return FailStart(record.error());
  record_ = record.TakeValue();
  if (store::IsActive(record_.state)) return Attach();
  CallEnders(record_);
  if (!waiters_.empty()) return Prepare();
  BecomeIdle();
}

void LiveBox::Prepare() {
  state_ = State::kPreparing;
  images::Wanted wanted;
  if (!record_.image_digest.empty()) {
    wanted.digest = record_.image_digest;
  } else if (!record_.rootfs_path.empty()) {
    wanted.rootfs_path = record_.rootfs_path;
  } else {
    wanted.reference = record_.image;
    wanted.registries = parts_.settings.image_registries;
  }
  auto progress = [this](const proto::ProgressEvent& event) {
    for (const Waiter& waiter : std::vector<Waiter>(waiters_)) {
      if (waiter.progress) waiter.progress(event);
    }
  };
  image_operation_ =
      parts_.images.Prepare(std::move(wanted), progress,
                            [this](Result<images::Rootfs> rootfs) { OnRootfs(std::move(rootfs)); });
}

void LiveBox::OnRootfs(Result<images::Rootfs> rootfs) {
  if (!rootfs.ok()) return FailStart(rootfs.error());
  rootfs_ = rootfs.TakeValue();
  image_ = rootfs_.image;
  image_operation_ =
      parts_.images.BlankDisk(kScratchBytes, proto::Journal::kNo, [this](Result<UniqueFd> disk) {
        if (!disk.ok()) return FailStart(disk.error());
        Spawn(disk.TakeValue());
      });
}

void LiveBox::Spawn(UniqueFd blank_scratch) {
  state_ = State::kSpawning;
  struct Inputs {
    images::Rootfs rootfs;
    UniqueFd blank;
  };
  auto inputs = std::make_shared<Inputs>();
  inputs->rootfs = std::move(rootfs_);
  inputs->blank = std::move(blank_scratch);
  image_operation_.reset();
  parts_.worker.Compute(
      [&store = parts_.store, &installation = parts_.installation, id = id_, inputs] {
        return StartVm(store, installation, id, inputs->rootfs, inputs->blank);
      },
      [this](Result<VmStart> start) { OnSpawned(std::move(start)); });
}

void LiveBox::OnSpawned(Result<VmStart> start) {
  if (!start.ok() && start.error().code() == Code::kBusy) return LookAgain();
  if (!start.ok()) return aborted_ ? BecomeIdle() : FailStart(start.error());
  VmStart vm = start.TakeValue();
  record_ = std::move(vm.record);
  owned_ = true;
  Result<void> ready = WatchProcess(std::move(vm.process));
  // Without a connection boxlite-vm ends by itself: nobody has launched anything there.
  if (!ready.ok()) return BeginEnd(ready.TakeError());
  if (aborted_) return BeginEnd(end_reason_);
  ready = Connect(std::move(vm.control));
  if (!ready.ok()) return BeginEnd(ready.TakeError());
  Launch(vm.kvm_speed);
}

void LiveBox::Launch(uint32_t kvm_speed) {
  state_ = State::kLaunching;
  proto::Launch launch;
  launch.box_id = id_;
  launch.engine = static_cast<proto::Engine>(record_.engine_wanted);
  launch.isolation = static_cast<proto::Isolation>(record_.isolation_wanted);
  launch.cpus = record_.cpus;
  launch.memory_mib = record_.memory_mib;
  launch.hostname = record_.name.empty() ? id_.substr(id_.size() - 12) : record_.name;
  launch.working_dir = record_.working_dir;
  launch.max_processes = record_.limits.processes;
  launch.detached = (record_.flags & store::kBoxDetached) != 0 ? 1 : 0;
  launch.no_jail = (record_.flags & store::kBoxNoJail) != 0 ? 1 : 0;
  launch.no_seccomp = (record_.flags & store::kBoxNoSeccomp) != 0 ? 1 : 0;
  launch.has_scratch = 1;
  launch.kvm_speed = kvm_speed;
  launch.kernel_log = parts_.settings.kernel_log ? 1 : 0;
  launch.qemu_path = parts_.settings.qemu_path;
  auto request = client::Request::Open(
      *connection_, proto::Encode(std::move(launch)),
      [this](ByteSpan record) { OnLaunched(record); },
      [this](Result<ByteSpan> how) { OnLaunchClosed(std::move(how)); });
  if (!request.ok()) return BeginEnd(request.TakeError());
  launch_ = request.TakeValue();
  end_timer_.Start(kAnswerLimitMs);
}

void LiveBox::OnLaunched(ByteSpan record) {
  auto launched = proto::Decode<proto::Launched>(record);
  if (!launched.ok()) return BeginEnd(launched.TakeError());
  parts_.log.Info("box " + id_ + " booted in " + std::to_string(launched.value().boot_ms) +
                  " ms: " + launched.value().engine_reason);
  parts_.worker.Compute([&store = parts_.store, id = id_,
                         value = launched.TakeValue()] { return RecordLaunched(store, id, value); },
                        [this](Result<store::BoxRecord> changed) {
                          if (state_ != State::kLaunching) return;
                          if (!changed.ok()) return BeginEnd(changed.TakeError());
                          record_ = changed.TakeValue();
                          OnRunning();
                        });
}

void LiveBox::OnLaunchClosed(Result<ByteSpan> how) {
  // What the connection's own end says is said by OnConnectionEnded.
  if (!how.ok()) return BeginEnd(how.TakeError());
  auto exit = proto::Decode<proto::BoxExit>(how.value());
  if (!exit.ok()) return BeginEnd(exit.TakeError());
  // For those who wait for the end, where another process removes the record before we read it.
  RecordExit(exit.value(), record_);
  Result<void> status = proto::FromRecord(exit.value().status);
  if (!status.ok()) return BeginEnd(status.TakeError());
  std::string detail = exit.value().detail;
  BeginEnd(Error(Code::kStopped, detail.empty() ? "the box has ended" : detail));
}

void LiveBox::Attach() {
  state_ = State::kAttaching;
  parts_.worker.Compute(
      [&store = parts_.store, id = id_] { return AttachVm(store, id); },
      [this](Result<VmAttachment> attachment) { OnAttached(std::move(attachment)); });
}

void LiveBox::OnAttached(Result<VmAttachment> attachment) {
  if (aborted_) return BecomeIdle();
  if (!attachment.ok() && attachment.error().code() == Code::kBusy) return LookAgain();
  if (!attachment.ok()) return FailStart(attachment.error());
  VmAttachment vm = attachment.TakeValue();
  record_ = std::move(vm.record);
  image_ = std::move(vm.image);
  Result<void> connected = Connect(std::move(vm.connection));
  if (!connected.ok()) return LookAgain();
  auto request = client::Request::Open(*connection_, proto::Encode(proto::InfoRequest()), nullptr,
                                       [this](Result<ByteSpan> how) { OnInfo(std::move(how)); });
  if (!request.ok()) return LookAgain();
  info_ = request.TakeValue();
  end_timer_.Start(kAnswerLimitMs);
}

void LiveBox::OnInfo(Result<ByteSpan> how) {
  if (aborted_) return BecomeIdle();
  if (!how.ok()) return LookAgain();
  auto info = proto::Decode<proto::InfoClosed>(how.value());
  if (!info.ok()) return FailStart(info.error());
  bool launched = proto::FromRecord(info.value().status).ok() &&
                  info.value().launched.engine != proto::Engine::kAuto;
  auto pidfd = sys::PidFd(static_cast<pid_t>(info.value().pid));
  if (!launched || !pidfd.ok()) return LookAgain();
  helper::Spawned process{static_cast<pid_t>(info.value().pid), pidfd.TakeValue()};
  Result<void> watched = WatchProcess(std::move(process));
  if (!watched.ok()) return FailStart(watched.error());
  OnRunning();
}

void LiveBox::OnRunning() {
  state_ = State::kRunning;
  looking_since_ms_ = 0;
  end_timer_.Cancel();
  CallWaiters(std::exchange(waiters_, {}), {});
  if (!stoppers_.empty() && state_ == State::kRunning) SendStop(stop_timeout_ms_);
}

// Where no boxlite-vm of ours runs: the records are as they were.
void LiveBox::FailStart(const Error& why) {
  for (Waiter& waiter : std::exchange(waiters_, {})) failed_waiters_.push_back(std::move(waiter));
  end_reason_ = why;
  // A stop that could not even find out whether the box runs has failed as well. One that is gone
  // does not run.
  bool looked = state_ == State::kLooking || state_ == State::kAttaching;
  if (looked && why.code() != Code::kNotFound) CallStoppers(why);
  if (looked) CallEnders(why);
  BecomeIdle();
}

void LiveBox::AbortStart(const Error& why) {
  CallWaiters(std::exchange(waiters_, {}), why);
  end_reason_ = why;
  switch (state_) {
    case State::kPreparing:
      return BecomeIdle();
    case State::kLaunching:
      launch_.reset();  // Tells boxlite-vm that it is cancelled, and not only that we went away.
      connection_.reset();
      return BeginEnd(why);
    case State::kLooking:
    case State::kAttaching:
      if (!stoppers_.empty() || !enders_.empty()) return;  // They want to know what runs.
      // It is another process's box; whether and when it comes up is no concern of ours.
      if (info_) return BecomeIdle();
      [[fallthrough]];
    default:
      aborted_ = true;  // Seen when the worker, or boxlite-vm, answers.
      if (again_.active()) BecomeIdle();
  }
}

Result<void> LiveBox::Connect(UniqueFd socket) {
  connection_ = BOXLITE_TRY(helper::Connection::Create(
      parts_.loop, std::move(socket), "boxlite-vm",
      {.hello = nullptr, .ended = [this](const Error& why) { OnConnectionEnded(why); }}));
  return {};
}

Result<void> LiveBox::WatchProcess(helper::Spawned process) {
  process_ = BOXLITE_TRY(
      helper::Process::Watch(parts_.loop, std::move(process), [this] { OnProcessEnded(); }));
  return {};
}

}  // namespace boxlite::box
