#include "loop/loop.h"

#include <uv.h>

#include <string>

#include "base/check.h"
#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::loop {
namespace internal {

struct TimerRaw {
  uv_timer_t handle{};
  Callback callback;
};

struct AsyncRaw {
  uv_async_t handle{};
  Callback callback;
};

struct PollRaw {
  uv_poll_t handle{};
  FdPoll::Handler callback;
  Interest interest;
};

}  // namespace internal

namespace {

Error UvError(const char* what, int status) {
  return Error::FromErrno(Code::kInternal, what, -status);  // On Unix a uv status is minus errno.
}

template <typename Raw>
uv_handle_t* AsHandle(Raw* raw) {
  return reinterpret_cast<uv_handle_t*>(&raw->handle);
}

// Ends the callbacks; the memory goes when libuv has let go of it.
template <typename Raw>
void Close(Raw* raw) {
  uv_close(AsHandle(raw), [](uv_handle_t* handle) {
    std::unique_ptr<Raw> owner(static_cast<Raw*>(handle->data));
  });
}

void Arm(internal::PollRaw* raw);

void OnPoll(uv_poll_t* handle, int status, int events) {
  auto* raw = static_cast<internal::PollRaw*>(handle->data);
  if (status >= 0) {
    raw->callback({(events & (UV_READABLE | UV_DISCONNECT)) != 0, (events & UV_WRITABLE) != 0});
    return;
  }
  // libuv stopped the poll because of an error state. The owner's next read or write meets the
  // error; an owner that waits on in spite of it is armed again.
  raw->callback(raw->interest);
  if (!uv_is_closing(AsHandle(raw)) && !uv_is_active(AsHandle(raw))) Arm(raw);
}

void Arm(internal::PollRaw* raw) {
  int events =
      (raw->interest.readable ? UV_READABLE : 0) | (raw->interest.writable ? UV_WRITABLE : 0);
  int status =
      events == 0 ? uv_poll_stop(&raw->handle) : uv_poll_start(&raw->handle, events, OnPoll);
  BOXLITE_CHECK(status == 0);
}

}  // namespace

Loop::Loop() : raw_(std::make_unique<uv_loop_t>()) {}

Result<std::unique_ptr<Loop>> Loop::Create() {
  // libuv ends the process where the pipe of its first loop cannot be made; and one descriptor more
  // than that, which its loop begins with.
  {
    auto room = BOXLITE_TRY(sys::Pipe());
    BOXLITE_TRY(sys::Duplicate(room.first.get()));
  }
  std::unique_ptr<Loop> loop(new Loop());
  int status = uv_loop_init(loop->raw_.get());
  if (status < 0) {
    loop->raw_.reset();
    return UvError("create an event loop", status);
  }
  return loop;
}

Loop::~Loop() {
  if (!raw_) return;
  uv_run(raw_.get(), UV_RUN_NOWAIT);  // What was closed, libuv lets go of here.
  BOXLITE_CHECK(uv_loop_close(raw_.get()) == 0);
}

void Loop::Run() {
  uv_run(raw_.get(), UV_RUN_DEFAULT);
}

void Loop::Stop() {
  uv_stop(raw_.get());
}

void Loop::RunReady() {
  uv_run(raw_.get(), UV_RUN_NOWAIT);
}

Timer::Timer(Loop& loop, Callback callback) : raw_(nullptr) {
  auto raw = std::make_unique<internal::TimerRaw>();
  raw->callback = std::move(callback);
  BOXLITE_CHECK(uv_timer_init(loop.raw(), &raw->handle) == 0);
  raw_ = raw.release();
  raw_->handle.data = raw_;
}

Timer::~Timer() {
  Close(raw_);
}

void Timer::Start(uint64_t delay_ms) {
  uv_update_time(raw_->handle.loop);  // The loop's idea of now is as old as its last wait.
  auto fire = [](uv_timer_t* handle) {
    static_cast<internal::TimerRaw*>(handle->data)->callback();
  };
  BOXLITE_CHECK(uv_timer_start(&raw_->handle, fire, delay_ms, 0) == 0);
}

void Timer::Cancel() {
  uv_timer_stop(&raw_->handle);
}

bool Timer::active() const {
  return uv_is_active(AsHandle(raw_)) != 0;
}

Result<std::unique_ptr<Async>> Async::Create(Loop& loop, Callback callback) {
  auto raw = std::make_unique<internal::AsyncRaw>();
  raw->callback = std::move(callback);
  auto ring = [](uv_async_t* handle) {
    static_cast<internal::AsyncRaw*>(handle->data)->callback();
  };
  int status = uv_async_init(loop.raw(), &raw->handle, ring);
  if (status < 0) return UvError("create a wake-up of the event loop", status);
  raw->handle.data = raw.get();
  return std::unique_ptr<Async>(new Async(raw.release()));
}

Async::~Async() {
  Close(raw_);
}

void Async::Ring() {
  uv_async_send(&raw_->handle);
}

Result<std::unique_ptr<FdPoll>> FdPoll::Create(Loop& loop, int fd, Handler handler) {
  auto raw = std::make_unique<internal::PollRaw>();
  raw->callback = std::move(handler);
  int status = uv_poll_init(loop.raw(), &raw->handle, fd);
  if (status < 0) return UvError("wait for a descriptor", status);
  raw->handle.data = raw.get();
  return std::unique_ptr<FdPoll>(new FdPoll(raw.release()));
}

FdPoll::~FdPoll() {
  Close(raw_);
}

void FdPoll::Wait(Interest interest) {
  if (interest.readable == raw_->interest.readable && interest.writable == raw_->interest.writable)
    return;
  raw_->interest = interest;
  Arm(raw_);
}

Result<std::unique_ptr<Listener>> Listener::Create(Loop& loop, UniqueFd socket, Handler handler) {
  std::unique_ptr<Listener> listener(new Listener(std::move(socket), std::move(handler)));
  listener->poll_ = BOXLITE_TRY(FdPoll::Create(
      loop, listener->socket_.get(), [self = listener.get()](Interest) { self->OnReadable(); }));
  listener->poll_->Wait({.readable = true});
  return listener;
}

void Listener::OnReadable() {
  // One for each turn of the loop. Where accepting fails (no descriptor left) the connection waits
  // in the backlog; the next turn tries again.
  auto connection = sys::Accept(socket_.get());
  if (!connection.ok() || !connection.value()) return;
  Handler handler = handler_;  // It may destroy this listener.
  handler(std::move(*connection.value()));
}

}  // namespace boxlite::loop
