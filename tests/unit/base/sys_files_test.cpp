#include "base/sys_files.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/sys.h"

namespace boxlite::sys {
namespace {

class SysFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(path_), nullptr);
    dir_ = Open(path_, O_RDONLY | O_DIRECTORY).TakeValue();
  }
  void TearDown() override {
    Result<std::vector<std::string>> names = ListDir(dir_.get());
    ASSERT_TRUE(names.ok());
    for (const std::string& name : names.value()) EXPECT_TRUE(UnlinkAt(dir_.get(), name).ok());
    EXPECT_EQ(::rmdir(path_), 0);
  }
  UniqueFd Make(const std::string& name) {
    return OpenAt(dir_.get(), name, O_RDWR | O_CREAT, 0600).TakeValue();
  }

  char path_[32] = "/tmp/boxlite-files-XXXXXX";
  UniqueFd dir_;
};

TEST_F(SysFilesTest, ListDir_CalledTwice_NamesEverythingTwice) {
  Make("a");
  Make("b");
  for (int round = 0; round < 2; ++round)
    EXPECT_THAT(ListDir(dir_.get()).TakeValue(), ::testing::UnorderedElementsAre("a", "b"));
}

TEST_F(SysFilesTest, LinkFd_OfANamelessFile_GivesItTheName) {
  UniqueFd file = OpenAt(dir_.get(), ".", O_TMPFILE | O_RDWR, 0600).TakeValue();
  ASSERT_TRUE(WriteAll(file.get(), AsBytes("x")).ok());
  ASSERT_TRUE(LinkFd(file.get(), dir_.get(), "named").ok());
  EXPECT_EQ(ReadFileAt(dir_.get(), "named", 10).TakeValue(), "x");
}

TEST_F(SysFilesTest, LinkFd_WhereTheNameIsTaken_LeavesTheOldFile) {
  Make("taken");
  UniqueFd file = Make("other");
  ASSERT_TRUE(WriteAll(file.get(), AsBytes("x")).ok());
  EXPECT_EQ(LinkFd(file.get(), dir_.get(), "taken").error().code(), Code::kAlreadyExists);
  EXPECT_EQ(ReadFileAt(dir_.get(), "taken", 10).TakeValue(), "");
}

TEST_F(SysFilesTest, CopySparse_OfAFileWithHoles_CopiesItsDataAndItsHoles) {
  UniqueFd from = Make("from");
  constexpr uint64_t kSize = 64 * 1024 * 1024;
  ASSERT_TRUE(Truncate(from.get(), kSize).ok());
  ASSERT_TRUE(WriteAllAt(from.get(), AsBytes("begin"), 0).ok());
  ASSERT_TRUE(WriteAllAt(from.get(), AsBytes("middle"), 10 * 1024 * 1024).ok());
  UniqueFd to = Make("to");
  ASSERT_TRUE(CopySparse(from.get(), to.get()).ok());
  char text[6] = {};
  ASSERT_EQ(ReadAt(to.get(), text, 6, 10 * 1024 * 1024).TakeValue(), 6u);
  EXPECT_EQ(std::string(text, 6), "middle");
  struct stat info = Stat(to.get()).TakeValue();
  EXPECT_EQ(static_cast<uint64_t>(info.st_size), kSize);
  EXPECT_LT(info.st_blocks * 512, 1024 * 1024);
}

TEST_F(SysFilesTest, RealPath_OfNothing_IsNotFound) {
  EXPECT_EQ(RealPath(std::string(path_) + "/none").error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace boxlite::sys
