#include "box/launch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "unit/box/box_fixture.h"

namespace boxlite::box {
namespace {

class LaunchTest : public BoxFixture {};

// boxlite-vm bounds its log by going back in it.
TEST_F(LaunchTest, Log_IsWrittenWhereItsPositionIs) {
  images::Rootfs rootfs{image_, sys::Open("/dev/null", O_RDONLY).TakeValue(), {}};
  UniqueFd blank = sys::Open("/dev/null", O_RDONLY).TakeValue();
  InstallVm(
      "exec python3 -c 'import os; os.write(11, b\"a\" * 100); os.lseek(11, 0, 0); "
      "os.write(11, b\"b\" * 50); os.write(2, b\"c\" * 25)'");
  auto start = StartVm(*store_, installation_, record_.id, rootfs, blank);
  ASSERT_TRUE(start.ok()) << start.error().message();
  ASSERT_TRUE(helper::WaitForEnd(start.value().process, 50'000));
  std::string log = sys::ReadFileAt(BoxDir().get(), "log", 1 << 20).TakeValue();
  EXPECT_EQ(log, std::string(50, 'b') + std::string(25, 'c') + std::string(25, 'a'));
}

TEST_F(LaunchTest, StartLockHeldElsewhere_IsBusyAndDoesNotWait) {
  UniqueFd held = HoldElsewhere();
  UniqueFd start = sys::OpenAt(BoxDir().get(), "start", O_RDWR | O_CREAT, 0600).TakeValue();
  ASSERT_TRUE(sys::LockExclusive(start.get(), sys::LockWait::kNo).value());
  auto attached = AttachVm(*store_, record_.id);
  ASSERT_FALSE(attached.ok());
  EXPECT_EQ(attached.error().code(), Code::kBusy);
}

}  // namespace
}  // namespace boxlite::box
