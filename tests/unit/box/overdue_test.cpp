#include "box/overdue.h"

#include <gtest/gtest.h>

#include <memory>

namespace boxlite::box {
namespace {

constexpr Overdue::Times kTimes{.limit_ms = 5, .look_ms = 2};

class OverdueTest : public testing::Test {
 protected:
  void Watch(std::function<bool()> is_held) {
    overdue_ = std::make_unique<Overdue>(*loop_, kTimes, std::move(is_held), [this] {
      ++deaths_;
      overdue_.reset();
      loop_->Stop();
    });
  }

  std::unique_ptr<loop::Loop> loop_ = loop::Loop::Create().TakeValue();
  std::unique_ptr<Overdue> overdue_;
  int deaths_ = 0;
};

TEST_F(OverdueTest, NothingIsHeard_IsDeadAfterThreeLooks) {
  int looks = 0;
  Watch([&looks] { return ++looks < 0; });
  loop_->Run();
  EXPECT_EQ(deaths_, 1);
  EXPECT_EQ(looks, 4);  // the first one at the limit itself, which is too early to count
}

TEST_F(OverdueTest, OutputThatTheUserHolds_IsNoReason) {
  int looks = 0;
  Watch([&looks] { return ++looks < 10; });
  loop_->Run();
  EXPECT_EQ(deaths_, 1);
  EXPECT_EQ(looks, 12);
}

TEST_F(OverdueTest, GuestThatGoesOnSending_IsDead) {
  int looks = 0;
  Watch([&] {
    if (++looks > 1) overdue_->OnOutput(4 * 1024 * 1024);
    return true;
  });
  loop_->Run();
  EXPECT_EQ(deaths_, 1);
  EXPECT_EQ(looks, 6);  // the third piece is beyond what a command that ended may have left
}

}  // namespace
}  // namespace boxlite::box
