// Worker: the runtime's one thread for what may block on a disk, a lock or the database, so that
// the loop's thread never does. libuv's own pool could not be ended with the runtime.
//
// Thread rule: Run and Stop on the loop's thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/result.h"
#include "images/executor.h"
#include "loop/loop.h"

namespace boxlite::box {

// Starts a thread that has every signal blocked from its first instruction on, so that the user's
// handlers never run on it. kResourceExhausted where the host gives no thread.
Result<std::thread> StartThread(const char* name, std::function<void()> main);

class Worker : public images::Executor {
 public:
  static Result<std::unique_ptr<Worker>> Create(loop::Loop& loop);
  // Waits for the work that runs; what has not begun does not run.
  ~Worker() override;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Run(std::function<void()> work, loop::Callback done) override;

  // `work` makes a value on the worker's thread, `done` gets it on the loop's.
  template <typename Work, typename Done>
  void Compute(Work work, Done done) {
    using Value = decltype(work());
    auto value = std::make_shared<std::unique_ptr<Value>>();
    Run([value, work = std::move(work)] { *value = std::make_unique<Value>(work()); },
        [value, done = std::move(done)] { done(std::move(**value)); });
  }

 private:
  struct Job {
    std::function<void()> work;
    loop::Callback done;
  };

  Worker() = default;
  void Main();

  std::unique_ptr<loop::Mailbox<loop::Callback>> results_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;   // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace boxlite::box
