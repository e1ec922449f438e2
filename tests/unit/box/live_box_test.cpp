// A LiveBox against a boxlite-vm that does what the test wants.
#include "box/live_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <fstream>

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

// The refusal comes from a child of the script's, when the script has ended for a while. (Whether a
// dead process is reaped is its new parent's business.)
TEST_F(LiveBoxTest, LaunchThatIsRefusedJustBeforeTheEnd_SaysWhy) {
  Bytes frames;
  proto::Hello hello;
  hello.role = proto::Role::kVm;
  proto::AppendFrame(frames, proto::Kind::kHello, proto::kConnectionStream, proto::Encode(hello));
  proto::AppendFrame(frames, proto::Kind::kRefuse, 1,
                     proto::Encode(proto::ToRecord(Error(Code::kEngine, "no such engine"))));
  std::string path = std::string(parent_) + "/refusal";
  std::ofstream(path) << AsText(frames);
  InstallVm(
      "vm=$$; lives() { read -r _ _ state _ </proc/$vm/stat && [ $state != Z ]; } 2>&-\n"
      "(while lives; do :; done; sleep 0.1; cat " +
      path + " >&3) & exit 1");
  std::optional<Result<void>> outcome;
  Start(outcome);
  RunUntil([&] { return Box().idle(); });
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().code(), Code::kEngine);
  EXPECT_THAT(outcome->error().message(), HasSubstr("no such engine"));
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
