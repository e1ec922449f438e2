#include "machine/qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace boxlite::machine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class QmpTest : public testing::Test {
 protected:
  Qmp::Answer Record() {
    return [this](Result<void> result) {
      answers_.push_back(result.ok() ? "ok" : result.error().message());
    };
  }
  std::vector<std::string> sent_, events_, answers_;
  Qmp qmp_{{[this](std::string_view line) { sent_.emplace_back(line); },
            [this](std::string_view name, std::string_view reason) {
              events_.push_back(std::string(name) + " " + std::string(reason));
            }}};
};

TEST_F(QmpTest, Execute_SendsOneLineAndIsAnsweredByItsId) {
  qmp_.Execute("stop", Record());
  qmp_.Execute("cont", Record());
  EXPECT_THAT(
      sent_, ElementsAre("{\"execute\":\"stop\",\"id\":1}\n", "{\"execute\":\"cont\",\"id\":2}\n"));
  ASSERT_TRUE(qmp_.Receive(AsBytes("{\"error\":{\"desc\":\"no\"},\"id\":2}\r\n")).ok());
  ASSERT_TRUE(qmp_.Receive(AsBytes("{\"return\":{},\"id\":1}\r\n")).ok());
  ASSERT_TRUE(qmp_.Receive(AsBytes("{\"return\":{},\"id\":1}\r\n")).ok());
  EXPECT_THAT(answers_, ElementsAre("QEMU: no", "ok"));
}

TEST_F(QmpTest, Events_InPieces_AreReportedWithTheirReason) {
  std::string text =
      "{\"QMP\":{\"version\":{}}}\r\n{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-reset\"}}"
      "\r\n{\"event\":\"STOP\"}\r\n";
  for (char c : text) ASSERT_TRUE(qmp_.Receive(AsBytes(std::string_view(&c, 1))).ok());
  EXPECT_THAT(events_, ElementsAre("SHUTDOWN guest-reset", "STOP "));
}

TEST_F(QmpTest, Nonsense_IsAnError) {
  EXPECT_FALSE(qmp_.Receive(AsBytes("hello\n")).ok());
  Qmp wrong_type({[](std::string_view) {}, [](std::string_view, std::string_view) {}});
  EXPECT_FALSE(wrong_type.Receive(AsBytes("{\"event\":7}\n")).ok());
}

TEST_F(QmpTest, LineWithoutEnd_IsAnErrorAndBounded) {
  std::string piece(64 * 1024, ' ');
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(qmp_.Receive(AsBytes(piece)).ok());
  EXPECT_THAT(qmp_.Receive(AsBytes(piece)).error().message(), HasSubstr("too long"));
}

TEST_F(QmpTest, Fail_AnswersEveryOpenCommandOnce) {
  qmp_.Execute("stop", Record());
  qmp_.Execute("cont", Record());
  qmp_.Fail(Error(Code::kStopped, "gone"));
  qmp_.Fail(Error(Code::kStopped, "gone"));
  EXPECT_THAT(answers_, ElementsAre("gone", "gone"));
}

}  // namespace
}  // namespace boxlite::machine
