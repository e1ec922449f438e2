#include "guest-agent/regular_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace boxlite::agent {
namespace {

class RegularFile : public testing::Test {
 protected:
  RegularFile() {
    std::string pattern = testing::TempDir() + "regular-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~RegularFile() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(RegularFile, File_IsReadUpToTheLimit) {
  std::string path = directory_ + "/file";
  std::ofstream(path) << "text";
  EXPECT_EQ(ReadRegularFile(path, 4).TakeValue(), "text");
  EXPECT_FALSE(ReadRegularFile(path, 3).ok());
}

TEST_F(RegularFile, FifoWithoutWriter_IsRefusedAtOnce) {
  std::string path = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(OpenRegularFile(path).error().code(), Code::kInvalidArgument);
}

TEST_F(RegularFile, DirectoryAndDevice_AreRefused) {
  EXPECT_EQ(OpenRegularFile(directory_).error().os_errno(), EISDIR);
  EXPECT_EQ(OpenRegularFile(directory_).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(OpenRegularFile("/dev/zero").ok());
}

}  // namespace
}  // namespace boxlite::agent
