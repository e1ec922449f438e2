#include "virtio/io_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <future>
#include <string>

namespace boxlite::virtio {
namespace {

TEST(IoPool, Threads_AreNamedLockedInAndDeafToSignals) {
  std::atomic<int> locked_in = 0;
  std::promise<std::string> name;
  std::promise<bool> blocked;
  auto pool = IoPool::Create(1, [&locked_in] { ++locked_in; }).TakeValue();
  pool->Reserve(1);
  ASSERT_TRUE(pool->Submit([&] {
    std::array<char, 16> text{};
    pthread_getname_np(pthread_self(), text.data(), text.size());
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked.set_value(sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1);
    name.set_value(text.data());
  }));
  EXPECT_EQ(name.get_future().get(), "disk 0");
  EXPECT_TRUE(blocked.get_future().get());
  EXPECT_EQ(locked_in, 1);
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  EXPECT_EQ(sigismember(&mine, SIGTERM), 0);
}

TEST(IoPool, Jobs_RunAtTheSameTime) {
  std::promise<void> first, second;
  auto pool = IoPool::Create(2, nullptr).TakeValue();
  pool->Reserve(2);
  // Each waits for the other: with one thread this would not end.
  ASSERT_TRUE(pool->Submit([&] {
    first.set_value();
    second.get_future().wait();
  }));
  ASSERT_TRUE(pool->Submit([&] {
    second.set_value();
    first.get_future().wait();
  }));
  pool->Stop();
}

TEST(IoPool, Submit_MoreThanReserved_IsRefused) {
  std::promise<void> running, go;  // Outlive the pool, whose thread may yet be in them.
  auto pool = IoPool::Create(1, nullptr).TakeValue();
  EXPECT_FALSE(pool->Submit([] {}));
  pool->Reserve(2);
  ASSERT_TRUE(pool->Submit([&] {
    running.set_value();
    go.get_future().wait();
  }));
  running.get_future().wait();
  EXPECT_TRUE(pool->Submit([] {}));
  EXPECT_TRUE(pool->Submit([] {}));
  EXPECT_FALSE(pool->Submit([] {}));
  go.set_value();
}

TEST(IoPool, Stop_FinishesWhatWasSubmitted) {
  std::atomic<int> done = 0;
  auto pool = IoPool::Create(2, nullptr).TakeValue();
  pool->Reserve(100);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool->Submit([&done] { ++done; }));
  pool->Stop();
  EXPECT_EQ(done, 100);
  EXPECT_FALSE(pool->Submit([] {}));
  pool->Stop();
}

}  // namespace
}  // namespace boxlite::virtio
