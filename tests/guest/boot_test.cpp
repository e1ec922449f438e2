// The agent from boot to shutdown, in a real guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "guest/machine.h"

namespace boxlite::guest_test {
namespace {

using testing::HasSubstr;

TEST(Boot, Configured_RunsTrue) {
  Machine machine;
  machine.Configure();
  auto outcome = machine.Run({"true"});
  EXPECT_EQ(outcome.closed.exit_code, 0);
  EXPECT_EQ(outcome.closed.timed_out, 0);
  EXPECT_EQ(machine.hellos(), 1);
}

}  // namespace
}  // namespace boxlite::guest_test
