// An Executor with a thread, as the runtime has one; and a loop that runs until a test has what it
// waits for.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/sys.h"
#include "images/executor.h"
#include "images/images.h"
#include "store/store.h"

namespace boxlite::images {

class ThreadExecutor : public Executor {
 public:
  explicit ThreadExecutor(loop::Loop& loop) {
    results_ = loop::Mailbox<loop::Callback>::Create(loop, [](std::vector<loop::Callback> done) {
                 for (loop::Callback& one : done) one();
               }).TakeValue();
    thread_ = std::thread([this] { Main(); });
  }
  ~ThreadExecutor() override {
    Add({nullptr, nullptr});
    thread_.join();
  }
  void Run(std::function<void()> work, loop::Callback done) override {
    Add({std::move(work), std::move(done)});
  }

 private:
  struct Item {
    std::function<void()> work;
    loop::Callback done;
  };
  void Add(Item item) {
    std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_one();
  }
  void Main() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !items_.empty(); });
      Item item = std::move(items_.front());
      items_.pop_front();
      lock.unlock();
      if (!item.work) return;
      item.work();
      results_->Put(std::move(item.done));
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;  // guarded by mutex_
  std::unique_ptr<loop::Mailbox<loop::Callback>> results_;
  std::thread thread_;
};

// A home directory, a loop and a worker.
class ImagesFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(parent_), nullptr);
    BeforeHome();
    loop_ = loop::Loop::Create().TakeValue();
    store_ = store::Store::Open(home_path()).TakeValue();
    executor_ = std::make_unique<ThreadExecutor>(*loop_);
  }
  void TearDown() override {
    executor_.reset();
    store_.reset();
    loop_.reset();
    AfterHome();
    UniqueFd tmp = sys::Open("/tmp", O_RDONLY | O_DIRECTORY).TakeValue();
    EXPECT_TRUE(store::RemoveTree(tmp.get(), parent_ + 5).ok());
  }
  // What is to happen to the folder `parent_` before the home directory is made, and after its use.
  virtual void BeforeHome() {}
  virtual void AfterHome() {}
  std::string home_path() const { return std::string(parent_) + "/home"; }
  const store::Home& home() const { return store_->home(); }

  // Runs the loop until `slot` has a value.
  template <typename T>
  T& Await(std::optional<T>& slot) {
    while (!slot) {
      loop_->Run();
    }
    return *slot;
  }
  // A callback that puts its result into `slot` and ends Await.
  template <typename T>
  std::function<void(T)> Into(std::optional<T>& slot) {
    return [this, &slot](T value) {
      slot.emplace(std::move(value));
      loop_->Stop();
    };
  }

  char parent_[32] = "/tmp/boxlite-images-XXXXXX";
  Log log_;
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<ThreadExecutor> executor_;
};

}  // namespace boxlite::images
