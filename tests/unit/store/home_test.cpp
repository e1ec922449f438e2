#include "store/home.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/process.h"
#include "temp_home.h"

namespace boxlite::store {
namespace {

using HomeTest = TempHome;

TEST_F(HomeTest, Open_OfAMissingDirectory_MakesItPrivate) {
  std::unique_ptr<Home> home = Home::Open(path() + "/deeper/still").TakeValue();
  EXPECT_EQ(home->path(), path() + "/deeper/still");
  EXPECT_EQ(sys::Stat(home->root()).TakeValue().st_mode & 07777, 0700u);
  EXPECT_EQ(sys::Stat(home->blobs()).TakeValue().st_mode & 07777, 0700u);
}

TEST_F(HomeTest, Open_BelowAFile_IsAConfigErrorThatNamesThePath) {
  sys::Open(path(), O_WRONLY | O_CREAT, 0600).TakeValue();
  Result<std::unique_ptr<Home>> home = Home::Open(path() + "/home");
  ASSERT_FALSE(home.ok());
  EXPECT_EQ(home.error().code(), Code::kConfig);
  EXPECT_NE(home.error().message().find(path() + "/home"), std::string::npos);
  EXPECT_NE(home.error().hint().find("BOXLITE_HOME"), std::string::npos);
}

TEST_F(HomeTest, Open_OfADirectoryThatThisUserCannotWrite_IsAConfigError) {
  ASSERT_TRUE(Home::Open(path()).ok());
  ASSERT_EQ(::chmod(parent_, 0755), 0);
  ASSERT_EQ(::chmod(path().c_str(), 0555), 0);
  pid_t pid = InProcess([&] {
    if (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 2;
    Result<std::unique_ptr<Home>> home = Home::Open(path());
    return !home.ok() && home.error().code() == Code::kConfig ? 0 : 1;
  });
  EXPECT_EQ(ExitOf(pid), 0);
  ASSERT_EQ(::chmod(path().c_str(), 0700), 0);
}

TEST_F(HomeTest, Open_OfAnEmptyPath_IsAConfigError) {
  EXPECT_EQ(Home::Open("").error().code(), Code::kConfig);
}

TEST_F(HomeTest, LockBox_WhileAnotherProcessHoldsIt_GivesNothing) {
  std::unique_ptr<Home> home = Home::Open(path()).TakeValue();
  auto [parent_end, child_end] = sys::SocketPair().TakeValue();
  int parent_raw = parent_end.get(), child_raw = child_end.get();
  pid_t pid = InProcess([&] {
    ::close(parent_raw);
    std::optional<UniqueFd> lock = home->LockBox("B").TakeValue();
    char byte = lock ? 'y' : 'n';
    return ::write(child_raw, &byte, 1) == 1 && ::read(child_raw, &byte, 1) == 0 ? 0 : 1;
  });
  child_end.Reset();
  char byte = 0;
  ASSERT_EQ(::read(parent_end.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_FALSE(home->LockBox("B").TakeValue().has_value());
  EXPECT_TRUE(home->IsBoxLocked("B").TakeValue());
  parent_end.Reset();
  EXPECT_EQ(ExitOf(pid), 0);
  EXPECT_FALSE(home->IsBoxLocked("B").TakeValue());
  EXPECT_TRUE(home->LockBox("B").TakeValue().has_value());
}

TEST_F(HomeTest, RemoveTree_WithASymlinkInside_LeavesItsTarget) {
  std::unique_ptr<Home> home = Home::Open(path()).TakeValue();
  UniqueFd dir = home->CreateBoxDir("B").TakeValue();
  sys::OpenAt(home->root(), "keep", O_WRONLY | O_CREAT, 0600).TakeValue();
  ASSERT_EQ(::symlinkat("../..", dir.get(), "up"), 0);
  ASSERT_TRUE(sys::MakeDirAt(dir.get(), "sub", 0700).ok());
  ASSERT_TRUE(home->RemoveBoxDir("B").ok());
  EXPECT_TRUE(sys::StatAt(home->root(), "keep").ok());
  EXPECT_FALSE(sys::StatAt(home->boxes(), "B").ok());
  EXPECT_TRUE(home->RemoveBoxDir("B").ok());
}

TEST_F(HomeTest, OpenConfig_WhereThereIsNone_GivesNothing) {
  std::unique_ptr<Home> home = Home::Open(path()).TakeValue();
  EXPECT_FALSE(home->OpenConfig().TakeValue().has_value());
  sys::OpenAt(home->root(), "config.json", O_WRONLY | O_CREAT, 0600).TakeValue();
  EXPECT_TRUE(home->OpenConfig().TakeValue().has_value());
}

TEST(Process, IsAlive_OfAProcessThatEnded_IsFalse) {
  auto [mine, its] = sys::SocketPair().TakeValue();
  int its_raw = its.get(), my_raw = mine.get();
  pid_t pid = InProcess([&] {
    char byte = 0;
    ::close(my_raw);
    return static_cast<int>(::read(its_raw, &byte, 1));
  });
  its.Reset();
  ProcessIdentity identity = IdentifyProcess(pid).TakeValue();
  EXPECT_TRUE(IsAlive(identity));
  ProcessIdentity other = identity;
  other.start_time -= 1;
  EXPECT_FALSE(IsAlive(other));
  other = identity;
  other.boot_id = "another";
  EXPECT_FALSE(IsAlive(other));
  mine.Reset();
  EXPECT_EQ(ExitOf(pid), 0);
  EXPECT_FALSE(IsAlive(identity));
}

}  // namespace
}  // namespace boxlite::store
