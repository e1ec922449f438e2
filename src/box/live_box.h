// LiveBox: what one runtime has to do with one box: looking it up, starting it, attaching to where
// another process started it, carrying its tasks, stopping it, and recording its end.
//
//   idle -> looking -> preparing -> spawning -> launching -> running -> ending -> idle
//              |   (its image)                                ^
//              +-------------> attaching ---------------------+
//
// One box has one LiveBox in a runtime. Everybody who wants the box to run waits in `waiters_`,
// everybody who wants it to be stopped in `stoppers_`; the state machine serves them as it comes to
// the states that they wait for.
//
// Thread rule: the loop's thread. Blocking work goes to the worker (launch.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "box/launch.h"
#include "box/worker.h"
#include "client/request.h"
#include "helper/connection.h"
#include "helper/installation.h"
#include "images/images.h"
#include "proto/messages.h"
#include "store/store.h"

namespace boxlite::box {

// What every box needs to know of its runtime.
struct VmSettings {
  std::vector<std::string> image_registries;
  std::string environment;  // of this process when the runtime was created
  std::string qemu_path;    // empty: boxlite-vm looks in the usual places
  bool kernel_log = false;
};

class LiveBox;

// Work that needs a running box: an execution, a file on its way. It lives in the LiveBox until it
// calls LiveBox::Done.
class BoxTask {
 public:
  virtual ~BoxTask() = default;
  virtual void OnRunning(LiveBox& box) = 0;
  // The box does not run and will not: the task finishes with `why`.
  virtual void OnNotRunning(const Error& why) = 0;
  // The runtime ends: drops what belongs to the loop; completes as cancelled.
  virtual void Abandon() = 0;

 protected:
  LiveBox* box_ = nullptr;  // that carries us, until Done

 private:
  friend class LiveBox;
};

class LiveBox {
 public:
  // Borrowed from the supervisor, which outlives its boxes.
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    images::ImageManager& images;
    Worker& worker;
    const helper::Installation& installation;
    const VmSettings& settings;
    const Log& log;
  };
  using Ready = std::function<void(Result<void>)>;
  using Ticket = uint64_t;
  using Ended = std::function<void(Result<store::BoxRecord>)>;

  // `idle` is called whenever the box may have become idle.
  LiveBox(Parts parts, std::string id, std::function<void()> idle);
  ~LiveBox();
  LiveBox(const LiveBox&) = delete;
  LiveBox& operator=(const LiveBox&) = delete;

  // `ready` when it runs; it is started where it does not. 0: it was called already.
  Ticket WhenRunning(Ready ready, images::ProgressHandler progress);
  // Takes a wait back, without calling it. The start ends where nobody waits for it any more.
  void Unwait(Ticket ticket);
  // `stopped` when it has ended and the record says so; at once where it does not run.
  void Stop(uint32_t timeout_ms, Ready stopped);
  void Remove(uint32_t flags, Ready removed);
  // `ended` gets the last record when the box has ended; at once where it does not run. It is not
  // started for that.
  Ticket WhenEnded(Ended ended);
  void ForgetEnder(Ticket ticket);

  void Run(std::shared_ptr<BoxTask> task);
  void Done(const BoxTask& task);
  void Cancel(const BoxTask& task, const Error& why);

  // The runtime shuts down: what ends with it begins to.
  void EndWithRuntime(uint32_t timeout_ms);
  // The runtime ends: what it started here and is not detached stops, everything else is let go.
  void Release();

  // While it runs, and is connected: its connection ends a moment before it does.
  helper::Connection& connection() { return *connection_; }
  bool connected() const { return connection_ != nullptr; }
  loop::Loop& loop() { return parts_.loop; }
  const store::BoxRecord& record() const { return record_; }
  const store::ImageRecord& image() const { return image_; }

  bool idle() const;
  // A box that shutdown has to stop.
  bool ends_with_runtime() const;

 private:
  enum class State {
    kIdle,
    kLooking,    // the worker reads the record
    kPreparing,  // its image and a blank disk are made ready
    kSpawning,   // the worker starts boxlite-vm
    kLaunching,  // boxlite-vm boots the machine
    kAttaching,  // the worker connects, boxlite-vm is asked what runs
    kRunning,
    kEnding,  // boxlite-vm ends; its end is recorded
  };
  struct Waiter {
    Ticket ticket;
    Ready ready;
    images::ProgressHandler progress;
  };
  struct Ender {
    Ticket ticket;
    Ended ended;
  };
  struct Task {
    std::shared_ptr<BoxTask> task;  // shared with the user's handle
    Ticket ticket;
  };

  // live_box_start.cpp
  void Look();
  void LookAgain();
  void OnLooked(Result<store::BoxRecord> record);
  void Prepare();
  void OnRootfs(Result<images::Rootfs> rootfs);
  void Spawn(UniqueFd blank_scratch);
  void OnSpawned(Result<VmStart> start);
  void Launch(uint32_t kvm_speed);
  void OnLaunched(ByteSpan record);
  void OnLaunchClosed(Result<ByteSpan> how);
  void Attach();
  void OnAttached(Result<VmAttachment> attachment);
  void OnInfo(Result<ByteSpan> how);
  void OnRunning();
  void FailStart(const Error& why);
  void AbortStart(const Error& why);
  Result<void> Connect(UniqueFd socket);
  Result<void> WatchProcess(helper::Spawned process);

  // live_box_end.cpp
  void SendStop(uint32_t timeout_ms);
  void OnConnectionEnded(const Error& why);
  void OnProcessEnded();
  void BeginEnd(Error why);
  void OnEndTimer();
  void Bury();
  void OnBuried(Result<store::BoxRecord> last);
  void FinishEnd();
  enum class Presence { kExpected, kMayBeGone };
  void RemoveRecord(Presence presence, Ready removed);

  void BecomeIdle();
  void CallWaiters(const std::vector<Waiter>& waiters, const Result<void>& result);
  void CallStoppers(const Result<void>& result);
  void CallEnders(const Result<store::BoxRecord>& last);
  bool starting() const { return state_ != State::kIdle && state_ < State::kRunning; }

  Parts parts_;
  const std::string id_;
  std::function<void()> on_idle_;

  State state_ = State::kIdle;
  std::vector<Waiter> waiters_;
  std::vector<Waiter> failed_waiters_;  // of a start that failed; told when its end is recorded
  std::vector<Ready> stoppers_;
  std::vector<Ender> enders_;
  std::vector<Task> tasks_;
  uint32_t stop_timeout_ms_ = 0;  // the shortest that a stopper asked for
  int removing_ = 0;
  Ticket last_ticket_ = 0;
  bool releasing_ = false;
  bool owned_ = false;    // this runtime started it
  bool aborted_ = false;  // the start under way is not wanted any more
  int64_t looking_since_ms_ = 0;
  Error end_reason_{Code::kStopped, "the box has ended"};

  store::BoxRecord record_;
  store::ImageRecord image_;
  std::unique_ptr<images::Operation> image_operation_;
  images::Rootfs rootfs_;
  std::unique_ptr<helper::Process> process_;
  std::unique_ptr<helper::Connection> connection_;
  // After connection_: they go first.
  std::unique_ptr<client::Request> launch_, info_;
  std::vector<std::unique_ptr<client::Request>> stop_requests_;
  loop::Timer again_;  // looking once more
  loop::Timer bury_again_;
  loop::Timer end_timer_;  // what answers, or ends, too slowly
};

}  // namespace boxlite::box
