#include "box/worker.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>

namespace boxlite::box {

Result<std::thread> StartThread(const char* name, std::function<void()> main) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // A thread inherits its creator's mask.
  std::thread thread;
  int failed = 0;
  try {
    thread = std::thread(std::move(main));
    pthread_setname_np(thread.native_handle(), name);
  } catch (const std::system_error& error) {
    failed = error.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) return Error::FromErrno(Code::kResourceExhausted, "start a thread", failed);
  return thread;
}

Result<std::unique_ptr<Worker>> Worker::Create(loop::Loop& loop) {
  std::unique_ptr<Worker> worker(new Worker());
  worker->results_ = BOXLITE_TRY(
      loop::Mailbox<loop::Callback>::Create(loop, [](const std::vector<loop::Callback>& results) {
        for (const loop::Callback& done : results) done();
      }));
  worker->thread_ =
      BOXLITE_TRY(StartThread("boxlite-worker", [self = worker.get()] { self->Main(); }));
  return worker;
}

Worker::~Worker() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Worker::Run(std::function<void()> work, loop::Callback done) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(work), std::move(done)});
  }
  changed_.notify_all();
}

void Worker::Main() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.work();
    job.work = nullptr;
    results_->Put(std::move(job.done));
    lock.lock();
  }
}

}  // namespace boxlite::box
