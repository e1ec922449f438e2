#include "virtio/io_pool.h"

#include <pthread.h>
#include <signal.h>

#include <string>
#include <system_error>
#include <utility>

namespace boxlite::virtio {

Result<std::unique_ptr<IoPool>> IoPool::Create(size_t threads,
                                               const std::function<void()>& on_thread) {
  std::unique_ptr<IoPool> pool(new IoPool());
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // A thread inherits its creator's mask.
  int failed = 0;
  for (size_t i = 0; i < threads && failed == 0; ++i) {
    try {
      pool->threads_.emplace_back([self = pool.get(), i, on_thread] {
        pthread_setname_np(pthread_self(), ("disk " + std::to_string(i)).c_str());
        if (on_thread) on_thread();
        self->Main();
      });
    } catch (const std::system_error& error) {
      failed = error.code().value();
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) return Error::FromErrno(Code::kResourceExhausted, "start a disk thread", failed);
  return pool;
}

IoPool::~IoPool() {
  Stop();
}

void IoPool::Reserve(size_t places) {
  std::lock_guard lock(mutex_);
  capacity_ += places;
}

bool IoPool::Submit(Job job) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= capacity_) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void IoPool::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void IoPool::Main() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace boxlite::virtio
