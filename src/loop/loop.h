// The event loop: libuv, wrapped. Nobody else includes <uv.h>.
//
//   Loop                 owns everything that waits; Run until Stop
//   Timer                one shot, can be started again; 0 ms is "after this callback"
//   Async, Mailbox<T>    a bell, and a queue with a bell, that any thread may ring
//   FdPoll               a descriptor is readable or writable (pidfd, signalfd, listening socket)
//   Listener             hands out accepted connections
//   Stream (stream.h)    a socket or a pipe: reads into its handler's buffer, bounded sending
//
// Thread rule: a Loop and all that stands on it belong to one thread, the one that calls Run; only
// Async::Ring, Mailbox::Put and Loop's construction are for any thread.
//
// Ownership: each object borrows the Loop, which must outlive it. A destructor ends the callbacks
// at once, and an object may be destroyed inside its own callback: what libuv still holds is freed
// when libuv says so (its two-phase close), at the latest in ~Loop. Callbacks are never called
// inside the call that asked for them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

struct uv_loop_s;

namespace boxlite::loop {

using Callback = std::function<void()>;

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> Create();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Handles events until Stop is called or nothing is left that could produce one.
  void Run();
  void Stop();
  // Handles what is ready now and returns.
  void RunReady();

  uv_loop_s* raw() { return raw_.get(); }

 private:
  Loop();
  std::unique_ptr<uv_loop_s> raw_;
};

namespace internal {
// A uv handle and its callback; lives until libuv has closed it.
struct AsyncRaw;
struct TimerRaw;
struct PollRaw;
}  // namespace internal

class Timer {
 public:
  Timer(Loop& loop, Callback callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Start(uint64_t delay_ms);  // from now; one that runs already starts anew
  void Cancel();
  bool active() const;

 private:
  internal::TimerRaw* raw_;
};

// A bell: rings before the callback runs count as one.
class Async {
 public:
  static Result<std::unique_ptr<Async>> Create(Loop& loop, Callback callback);
  ~Async();
  Async(const Async&) = delete;
  Async& operator=(const Async&) = delete;

  void Ring();  // any thread

 private:
  explicit Async(internal::AsyncRaw* raw) : raw_(raw) {}
  internal::AsyncRaw* raw_;
};

// Carries values to the loop's thread, in the order of Put.
template <typename T>
class Mailbox {
 public:
  using Handler = std::function<void(std::vector<T>)>;

  static Result<std::unique_ptr<Mailbox>> Create(Loop& loop, Handler handler) {
    std::unique_ptr<Mailbox> box(new Mailbox(std::move(handler)));
    box->bell_ = BOXLITE_TRY(Async::Create(loop, [mailbox = box.get()] { mailbox->Deliver(); }));
    return box;
  }

  void Put(T value) {  // any thread
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(value));
    }
    bell_->Ring();
  }

 private:
  explicit Mailbox(Handler handler) : handler_(std::move(handler)) {}

  void Deliver() {
    std::vector<T> values;
    {
      std::lock_guard lock(mutex_);
      values.swap(queue_);
    }
    if (values.empty()) return;
    Handler handler = handler_;  // The handler may destroy this mailbox.
    handler(std::move(values));
  }

  Handler handler_;
  std::unique_ptr<Async> bell_;
  std::mutex mutex_;
  std::vector<T> queue_;  // guarded by mutex_
};

// What an FdPoll waits for. kNone keeps the object and waits for nothing.
struct Interest {
  bool readable = false;
  bool writable = false;
};

// Level-triggered. The descriptor is borrowed, must outlive the object (close it right after) and
// becomes non-blocking. An error state counts as what is waited for: the next read or write tells.
class FdPoll {
 public:
  using Handler = std::function<void(Interest ready)>;

  static Result<std::unique_ptr<FdPoll>> Create(Loop& loop, int fd, Handler handler);
  ~FdPoll();
  FdPoll(const FdPoll&) = delete;
  FdPoll& operator=(const FdPoll&) = delete;

  void Wait(Interest interest);

 private:
  explicit FdPoll(internal::PollRaw* raw) : raw_(raw) {}
  internal::PollRaw* raw_;
};

// Accepts connections on a listening socket that it owns.
class Listener {
 public:
  using Handler = std::function<void(UniqueFd connection)>;

  static Result<std::unique_ptr<Listener>> Create(Loop& loop, UniqueFd socket, Handler handler);

 private:
  Listener(UniqueFd socket, Handler handler)
      : socket_(std::move(socket)), handler_(std::move(handler)) {}
  void OnReadable();

  UniqueFd socket_;
  Handler handler_;
  std::unique_ptr<FdPoll> poll_;
};

}  // namespace boxlite::loop
