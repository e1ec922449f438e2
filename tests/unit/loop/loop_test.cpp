#include "loop/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <thread>

#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::loop {
namespace {

class LoopTest : public testing::Test {
 protected:
  std::unique_ptr<Loop> loop_ = Loop::Create().TakeValue();
};

TEST_F(LoopTest, Run_WithNothingToWaitFor_Returns) {
  loop_->Run();
}

TEST_F(LoopTest, Timer_Started_CallsOnceAndNotInsideStart) {
  int calls = 0;
  Timer timer(*loop_, [&] { ++calls; });
  timer.Start(0);
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(timer.active());
  loop_->Run();
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(timer.active());
}

TEST_F(LoopTest, Timer_Cancelled_NeverCalls) {
  Timer timer(*loop_, [&] { FAIL(); });
  timer.Start(0);
  timer.Cancel();
  loop_->Run();
}

TEST_F(LoopTest, Timer_DestroyedInItsCallback_IsFreed) {
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(*loop_, [&] { timer.reset(); });
  timer->Start(0);
  loop_->Run();
  EXPECT_EQ(timer, nullptr);
}

TEST_F(LoopTest, Timer_DestroyedBeforeItsTime_NeverCalls) {
  auto timer = std::make_unique<Timer>(*loop_, [&] { FAIL(); });
  timer->Start(0);
  timer.reset();
  loop_->Run();
}

TEST_F(LoopTest, Timers_FireInTheOrderOfTheirDelays) {
  std::vector<int> order;
  Timer late(*loop_, [&] { order.push_back(2); });
  Timer early(*loop_, [&] { order.push_back(1); });
  late.Start(20);
  early.Start(1);
  loop_->Run();
  EXPECT_THAT(order, testing::ElementsAre(1, 2));
}

TEST_F(LoopTest, Stop_InACallback_EndsRunWithTimersWaiting) {
  Timer never(*loop_, [&] { FAIL(); });
  Timer now(*loop_, [&] { loop_->Stop(); });
  never.Start(3'600'000);
  now.Start(0);
  loop_->Run();
  EXPECT_TRUE(never.active());
}

TEST_F(LoopTest, Mailbox_PutByAnotherThread_DeliversAllInOrderOnTheLoop) {
  std::vector<int> received;
  auto loop_thread = std::this_thread::get_id();
  std::unique_ptr<Mailbox<int>> box;
  box = Mailbox<int>::Create(*loop_, [&](std::vector<int> values) {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          received.insert(received.end(), values.begin(), values.end());
          if (received.size() == 1000) box.reset();
        }).TakeValue();
  std::thread sender([&mailbox = *box] {
    for (int i = 0; i < 1000; ++i) mailbox.Put(i);
  });
  sender.join();
  loop_->Run();
  ASSERT_EQ(received.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(received.begin(), received.end()));
}

TEST_F(LoopTest, FdPoll_WaitingForReadable_CallsWhenBytesCome) {
  auto ends = sys::Pipe().TakeValue();
  int calls = 0;
  std::unique_ptr<FdPoll> poll = FdPoll::Create(*loop_, ends.first.get(), [&](Interest ready) {
                                   ++calls;
                                   EXPECT_TRUE(ready.readable);
                                   poll.reset();
                                 }).TakeValue();
  poll->Wait({.readable = true});
  ASSERT_TRUE(sys::WriteAll(ends.second.get(), AsBytes("x")).ok());
  loop_->Run();
  EXPECT_EQ(calls, 1);
}

TEST_F(LoopTest, FdPoll_WaitingForNothing_IsSilent) {
  auto ends = sys::Pipe().TakeValue();
  auto poll = FdPoll::Create(*loop_, ends.first.get(), [&](Interest) { FAIL(); }).TakeValue();
  ASSERT_TRUE(sys::WriteAll(ends.second.get(), AsBytes("x")).ok());
  poll->Wait({.readable = true});
  poll->Wait({});
  loop_->Run();
}

TEST_F(LoopTest, FdPoll_OfAFile_IsAnError) {
  auto file = sys::Open("/proc/self/exe", O_RDONLY).TakeValue();
  EXPECT_FALSE(FdPoll::Create(*loop_, file.get(), [](Interest) {}).ok());
}

TEST_F(LoopTest, FdPoll_OfAProcess_TellsItsEnd) {
  pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) ::_exit(0);
  auto pidfd = sys::PidFd(pid).TakeValue();
  auto poll = FdPoll::Create(*loop_, pidfd.get(), [&](Interest) { loop_->Stop(); }).TakeValue();
  poll->Wait({.readable = true});
  loop_->Run();
}

TEST_F(LoopTest, Listener_TwoConnections_HandsOutBoth) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;  // an autobound abstract name
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(socket.get(), generic, sizeof address.sun_family), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket.get(), generic, &size), 0);
  ASSERT_EQ(::listen(socket.get(), 8), 0);
  std::vector<UniqueFd> accepted;
  auto listener = Listener::Create(*loop_, std::move(socket), [&](UniqueFd connection) {
                    accepted.push_back(std::move(connection));
                    if (accepted.size() == 2) loop_->Stop();
                  }).TakeValue();
  UniqueFd one(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd two(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(one.get(), generic, size), 0);
  ASSERT_EQ(::connect(two.get(), generic, size), 0);
  loop_->Run();
  ASSERT_EQ(accepted.size(), 2u);
  EXPECT_EQ(sys::PeerOf(accepted[0].get()).value().pid, ::getpid());
}

}  // namespace
}  // namespace boxlite::loop
