#include "helper/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "helper/installation.h"

namespace boxlite::helper {
namespace {

class UnixSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "boxlite-socket-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    // Deeper than the 108 bytes of an address.
    for (int i = 0; i < 4; ++i) {
      path += "/" + std::string(60, 'd');
      ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
    }
    dir_ = sys::Open(path, O_RDONLY | O_DIRECTORY).TakeValue();
  }
  void TearDown() override { ASSERT_EQ(std::system(("rm -r " + root_).c_str()), 0); }

  std::string root_;
  UniqueFd dir_;
};

TEST_F(UnixSocketTest, LongDirectory_Connects) {
  auto listener = ListenAt(dir_.get(), "sock");
  ASSERT_TRUE(listener.ok());
  auto client = ConnectAt(dir_.get(), "sock");
  ASSERT_TRUE(client.ok());
  auto info = sys::StatAt(dir_.get(), "sock").TakeValue();
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(UnixSocketTest, NobodyListens_SaysWhich) {
  EXPECT_EQ(ConnectAt(dir_.get(), "sock").error().code(), Code::kNotFound);
  ListenAt(dir_.get(), "sock").TakeValue().Reset();
  EXPECT_EQ(ConnectAt(dir_.get(), "sock").error().code(), Code::kStopped);
}

TEST(Installation, MissingPart_NamesTheFileAndWhatToDo) {
  ::setenv("BOXLITE_RUNTIME_DIR", "/nonexistent/prefix", 1);
  Installation installation = Installation::Locate();
  auto kernel = installation.OpenKernel();
  ASSERT_FALSE(kernel.ok());
  EXPECT_EQ(kernel.error().code(), Code::kConfig);
  EXPECT_NE(kernel.error().message().find("/nonexistent/prefix/share/boxlite/vmlinux"),
            std::string::npos);
  EXPECT_NE(kernel.error().hint().find("BOXLITE_RUNTIME_DIR"), std::string::npos);
  EXPECT_EQ(installation.FindVm().error().code(), Code::kConfig);
}

}  // namespace
}  // namespace boxlite::helper
