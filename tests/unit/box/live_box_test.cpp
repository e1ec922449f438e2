// A LiveBox against a boxlite-vm that does what the test wants.
#include "box/live_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "helper/unix_socket.h"
#include "proto/frame.h"
#include "unit/box/box_fixture.h"

namespace boxlite::box {
namespace {

using testing::HasSubstr;
using testing::Not;

class LiveBoxTest : public BoxFixture {
 protected:
  // The kinds of the frames that the script of a boxlite-vm copied from its control socket to the
  // exit file.
  std::vector<proto::Kind> SentToVm() {
    UniqueFd dir = BoxDir();
    std::string text = sys::ReadFileAt(dir.get(), "exit", 1 << 20).TakeValue();
    proto::FrameParser parser;
    parser.Append(AsBytes(text));
    std::vector<proto::Kind> kinds;
    for (auto next = parser.Next(); next.ok() && next.value(); next = parser.Next())
      kinds.push_back(next.value()->header.kind);
    return kinds;
  }
  bool VmWasLaunched() {
    UniqueFd dir = BoxDir();
    return sys::StatAt(dir.get(), "exit").ok() && SentToVm().size() >= 2;
  }
};

TEST_F(LiveBoxTest, AttachNobodyAnswers_CanBeAborted) {
  UniqueFd held = HoldElsewhere();
  UniqueFd dir = BoxDir();
  UniqueFd listener = helper::ListenAt(dir.get(), "sock").TakeValue();
  std::optional<Result<void>> outcome;
  LiveBox::Ticket ticket = Start(outcome);
  pollfd connected{listener.get(), POLLIN, 0};
  RunUntil([&] { return ::poll(&connected, 1, 0) == 1; });
  loop_->RunReady();
  Box().Unwait(ticket);
  EXPECT_TRUE(Box().idle());
  RunUntil([&] { return Box().idle(); });
  EXPECT_FALSE(outcome);
}

TEST_F(LiveBoxTest, AttachNobodyAnswers_RuntimesEndDoesNotWait) {
  UniqueFd held = HoldElsewhere();
  UniqueFd dir = BoxDir();
  UniqueFd listener = helper::ListenAt(dir.get(), "sock").TakeValue();
  std::optional<Result<void>> outcome;
  Start(outcome);
  pollfd connected{listener.get(), POLLIN, 0};
  RunUntil([&] { return ::poll(&connected, 1, 0) == 1; });
  loop_->RunReady();
  Box().Release();
  RunUntil([&] { return Box().idle() && !Box().ends_with_runtime(); });
}

TEST_F(LiveBoxTest, StartThatIsCancelledAnywhere_DoesNotSpoilTheNext) {
  InstallVm("exit 0");
  for (int place = 1; place <= 4; ++place) {
    std::optional<Result<void>> first, second;
    LiveBox::Ticket ticket = 0;
    int passed = 0;
    executor_->after = [&] {
      if (++passed != place) return;
      Box().Unwait(ticket);
      Start(second);
    };
    ticket = Start(first);
    RunUntil([&] { return (second || first) && Box().idle(); });
    executor_->after = nullptr;
    if (!second) continue;  // It had failed before.
    EXPECT_EQ(second->error().code(), Code::kStopped) << "at place " << place;
    EXPECT_THAT(second->error().message(), Not(HasSubstr("cancelled"))) << "at place " << place;
  }
}

TEST_F(LiveBoxTest, LaunchThatIsCancelled_IsToldToTheVm) {
  InstallVm("exec cat <&3 >&6");
  std::optional<Result<void>> outcome;
  LiveBox::Ticket ticket = Start(outcome);
  RunUntil([&] { return VmWasLaunched(); });
  Box().Unwait(ticket);
  RunUntil([&] { return Box().idle(); });
  std::vector<proto::Kind> expected = {proto::Kind::kHello, proto::Kind::kOpen,
                                       proto::Kind::kCancel};
  EXPECT_EQ(SentToVm(), expected);
}

TEST_F(LiveBoxTest, VmThatEndsAtOnce_IsAnErrorAndTheBoxIsStopped) {
  InstallVm("exit 0");
  std::optional<Result<void>> outcome;
  Start(outcome);
  RunUntil([&] { return Box().idle(); });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().code(), Code::kStopped);
  EXPECT_EQ(store_->GetBox(record_.id).TakeValue().state, store::BoxState::kStopped);
}

}  // namespace
}  // namespace boxlite::box
