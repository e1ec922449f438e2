#include "box/callback_queue.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "box/completion.h"
#include "box/output_channel.h"

namespace boxlite::box {
namespace {

bool Readable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

std::unique_ptr<CallbackQueue> NewQueue() {
  return CallbackQueue::Create(CallbackQueue::Bell::kDescriptor).TakeValue();
}

TEST(CallbackQueue, Bell_RingsOnceAndAgainWhenADrainLeavesWork) {
  auto queue = NewQueue();
  EXPECT_FALSE(Readable(queue->fd()));
  for (int i = 0; i < 300; ++i) queue->Put([] {});
  char bytes[8];
  EXPECT_EQ(::read(queue->fd(), bytes, sizeof bytes), 1);  // as a node.js stream would
  EXPECT_EQ(queue->Drain(0).value(), 256);
  EXPECT_TRUE(Readable(queue->fd()));
  EXPECT_EQ(queue->Drain(0).value(), 44);
  EXPECT_FALSE(Readable(queue->fd()));
  EXPECT_EQ(queue->Drain(0).value(), 0);
}

TEST(CallbackQueue, EventPutByACallback_RunsInTheSameDrainAndLeavesNoBell) {
  auto queue = NewQueue();
  int ran = 0;
  queue->Put([&] { queue->Put([&] { ++ran; }); });
  EXPECT_EQ(queue->Drain(0).value(), 2);
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(Readable(queue->fd()));
}

TEST(CallbackQueue, DrainInACallback_WouldDeadlock) {
  auto queue = NewQueue();
  Code code = Code::kOk;
  queue->Put([&] { code = queue->Drain(-1).error().code(); });
  EXPECT_EQ(queue->Drain(0).value(), 1);
  EXPECT_EQ(code, Code::kWouldDeadlock);
  EXPECT_FALSE(queue->InCallback());
}

TEST(CallbackQueue, DrainWhileAnotherRuns_WaitsNoLongerThanAsked) {
  auto queue = NewQueue();
  std::atomic<bool> inside{false}, leave{false};
  queue->Put([&] {
    inside = true;
    while (!leave) std::this_thread::yield();
  });
  std::thread other([&] { queue->Drain(-1).TakeValue(); });
  while (!inside) std::this_thread::yield();
  queue->Put([] {});
  EXPECT_EQ(queue->Drain(0).value(), 0);
  leave = true;
  other.join();
  EXPECT_EQ(queue->Drain(0).value(), 0);  // The other drain ran both.
}

TEST(CallbackQueue, Close_EndsAWaitingDrain) {
  auto queue = NewQueue();
  std::thread waiting([&] { EXPECT_EQ(queue->Drain(-1).error().code(), Code::kStopped); });
  queue->CloseForGood();
  waiting.join();
}

TEST(CallbackQueue, CloseWhileAnotherIsExpected_LeavesItOpen) {
  auto queue = NewQueue();
  queue->ExpectClose();
  queue->ExpectClose();
  queue->Close();
  EXPECT_EQ(queue->Drain(0).value(), 0);
  queue->Close();
  EXPECT_EQ(queue->Drain(0).error().code(), Code::kStopped);
  queue->ExpectClose();
  EXPECT_EQ(queue->Drain(0).value(), 0);
  queue->CloseForGood();
  EXPECT_EQ(queue->Drain(0).error().code(), Code::kStopped);
}

TEST(CallbackQueue, ClosedByItsLastEvent_IsStoppedRightAfterAndRings) {
  auto queue = NewQueue();
  queue->ExpectClose();
  queue->Put([&] { queue->Close(); });
  EXPECT_EQ(queue->Drain(0).value(), 1);
  EXPECT_TRUE(Readable(queue->fd()));
  EXPECT_EQ(queue->Drain(0).error().code(), Code::kStopped);
}

struct Told {
  int done = 0, finalized = 0;
  Code code = Code::kOk;
};

Callbacks<void> TellTo(Told& told) {
  return {[&told](const Result<void>& result) {
            EXPECT_EQ(told.finalized, 0);
            ++told.done;
            told.code = result.ok() ? Code::kOk : result.error().code();
          },
          [&told] { ++told.finalized; }};
}

TEST(Completion, Dropped_CompletesAsCancelledOnce) {
  auto queue = NewQueue();
  Outstanding outstanding;
  Told told;
  {
    Completion<void> completion({*queue, outstanding}, TellTo(told));
    completion.Arm();
    EXPECT_FALSE(outstanding.none());
  }
  EXPECT_TRUE(outstanding.none());
  queue->RunAll();
  EXPECT_EQ(told.done, 1);
  EXPECT_EQ(told.finalized, 1);
  EXPECT_EQ(told.code, Code::kCancelled);
}

TEST(Completion, FinishedTwice_TheFirstCounts) {
  auto queue = NewQueue();
  Outstanding outstanding;
  Told told;
  Completion<void> completion({*queue, outstanding}, TellTo(told));
  completion.Arm();
  completion.Finish({});
  completion.Finish(Error(Code::kInternal, "late"));
  queue->RunAll();
  EXPECT_EQ(told.done, 1);
  EXPECT_EQ(told.code, Code::kOk);
}

TEST(Completion, NeverArmed_CallsNothing) {
  auto queue = NewQueue();
  Outstanding outstanding;
  Told told;
  { Completion<void> completion({*queue, outstanding}, TellTo(told)); }
  queue->RunAll();
  EXPECT_EQ(told.done + told.finalized, 0);
}

TEST(OutputChannel, ManyChunks_AreOneEventAndConsumedAfterTheCallback) {
  auto queue = NewQueue();
  std::string got;
  size_t consumed = 0;
  auto channel = std::make_shared<OutputChannel>(
      *queue, Credit::kAutomatic,
      [&](ByteSpan data) {
        EXPECT_EQ(consumed, 0U);
        got += AsText(data);
      },
      [&](size_t bytes) { consumed += bytes; });
  for (int i = 0; i < 1000; ++i) channel->Append(AsBytes("x"));
  EXPECT_EQ(queue->Drain(0).value(), 1);
  EXPECT_EQ(got.size(), 1000U);
  EXPECT_EQ(consumed, 1000U);
}

TEST(OutputChannel, ManualCredit_IsRefusedBeyondWhatCame) {
  auto queue = NewQueue();
  size_t consumed = 0;
  auto channel = std::make_shared<OutputChannel>(
      *queue, Credit::kManual, [](ByteSpan) {}, [&](size_t bytes) { consumed += bytes; });
  channel->Append(AsBytes("hello"));
  EXPECT_FALSE(channel->Consume(1).ok());  // not delivered yet
  queue->RunAll();
  EXPECT_EQ(consumed, 0U);
  EXPECT_EQ(channel->Consume(6).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(channel->Consume(5).ok());
  EXPECT_EQ(consumed, 5U);
}

}  // namespace
}  // namespace boxlite::box
