// IoPool: the threads "disk 0", "disk 1" … that do what may block on a disk, for all block devices
// of a machine. Its queue is bounded: who uses the pool reserves the places that it needs at most.
//
// Thread rule: any thread, but for Stop and destruction, which are the owner's and must not happen
// on one of the pool's own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace boxlite::virtio {

class IoPool {
 public:
  using Job = std::function<void()>;

  // `on_thread` runs first on each thread, so that its owner can lock it in. All signals are
  // blocked there. kResourceExhausted where the host gives no threads.
  static Result<std::unique_ptr<IoPool>> Create(size_t threads,
                                                const std::function<void()>& on_thread);
  // Stops.
  ~IoPool();
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  void Reserve(size_t places);

  // False, and the job is not run, where no reserved place is free or the pool has stopped.
  [[nodiscard]] bool Submit(Job job);

  // Takes no more, does what was submitted, and returns when all threads have ended.
  void Stop();

 private:
  IoPool() = default;
  void Main();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;   // guarded by mutex_
  size_t capacity_ = 0;    // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace boxlite::virtio
