#include "virtio/interrupt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "unit/virtio/driver.h"

namespace boxlite::virtio {
namespace {

using testing::ElementsAre;

class InterruptTest : public testing::Test {
 protected:
  void SetUp() override {
    interrupt_.TellFailures([this](const Error& reason, uint32_t number) {
      told_.push_back(std::to_string(number) + " " + reason.message());
    });
  }
  void Fail(const std::string& why) { interrupt_.Fail(Error(Code::kInvalidArgument, why)); }

  Line line_;
  Interrupt interrupt_{line_};
  std::vector<std::string> told_;
};

TEST_F(InterruptTest, Failures_AreToldOnceUntilAReset) {
  Fail("first");
  Fail("second");
  EXPECT_TRUE(interrupt_.failed());
  interrupt_.Clear();
  EXPECT_FALSE(interrupt_.failed());
  Fail("third");
  EXPECT_THAT(told_, ElementsAre("1 first", "2 third"));
  EXPECT_EQ(line_.count(), 3);
}

TEST_F(InterruptTest, FailuresWithoutEnd_AreToldAFewTimes) {
  for (int i = 0; i < 1000; ++i) {
    Fail("again");
    interrupt_.Clear();
  }
  ASSERT_EQ(told_.size(), Interrupt::kMaxTold);
  EXPECT_EQ(told_.back(), std::to_string(Interrupt::kMaxTold) + " again");
  Fail("and once more");
  EXPECT_TRUE(interrupt_.failed());
  EXPECT_EQ(told_.size(), Interrupt::kMaxTold);
}

TEST_F(InterruptTest, FailuresOnTwoThreads_AreToldOneAfterTheOther) {
  auto fail = [this] {
    for (int i = 0; i < 1000; ++i) {
      Fail("at once");
      interrupt_.Clear();
    }
  };
  std::thread other(fail);
  fail();
  other.join();
  ASSERT_EQ(told_.size(), Interrupt::kMaxTold);
  for (size_t i = 0; i < told_.size(); ++i) EXPECT_EQ(told_[i], std::to_string(i + 1) + " at once");
}

TEST_F(InterruptTest, Restored_AFailureOfBefore_IsNotToldAgain) {
  interrupt_.Restore(Interrupt::kConfigChange, 7, true);
  EXPECT_TRUE(interrupt_.failed());
  EXPECT_EQ(interrupt_.generation(), 7u);
  EXPECT_EQ(line_.count(), 1);
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace boxlite::virtio
