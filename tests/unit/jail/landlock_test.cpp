#include "jail/landlock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/sys.h"
#include "jail/jail.h"

namespace boxlite::jail {
namespace {

// The exit code of a child that runs it: 0 where it answers true.
int InChild(const std::function<bool()>& work) {
  pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class LandlockTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(folder_), nullptr);
    ASSERT_TRUE(sys::MakeDirAt(AT_FDCWD, Path("own"), 0700).ok());
    ASSERT_TRUE(sys::Open(Path("other"), O_WRONLY | O_CREAT, 0600).ok());
    own_ = sys::Open(Path("own"), O_RDONLY | O_DIRECTORY).TakeValue();
  }
  void TearDown() override {
    static_cast<void>(sys::UnlinkAt(AT_FDCWD, Path("own/a")));
    static_cast<void>(sys::UnlinkAt(AT_FDCWD, Path("own/b")));
    EXPECT_TRUE(sys::UnlinkAt(AT_FDCWD, Path("own"), AT_REMOVEDIR).ok());
    EXPECT_TRUE(sys::UnlinkAt(AT_FDCWD, Path("other")).ok());
    EXPECT_TRUE(sys::UnlinkAt(AT_FDCWD, folder_, AT_REMOVEDIR).ok());
  }
  std::string Path(const std::string& name) const { return std::string(folder_) + "/" + name; }
  // Whether a process that may write `own` and read /etc/hosts can do the work. Where the kernel
  // has no Landlock nothing is refused.
  bool Restricted(const std::function<bool()>& work, bool& holds) const {
    FileRule rules[] = {{{}, own_.get(), FileAccess::kWrite},
                        {"/etc/hosts", -1, FileAccess::kRead},
                        {"/does/not/exist", -1, FileAccess::kRead}};
    int code = InChild([&] {
      if (!NoNewPrivileges().ok()) return false;
      Result<bool> restricted = RestrictFiles(rules);
      if (!restricted.ok()) ::_exit(3);
      if (!restricted.value()) ::_exit(2);
      return work();
    });
    EXPECT_NE(code, 3);
    holds = code != 2;
    return code == 0;
  }

  char folder_[32] = "/tmp/boxlite-landlock-XXXXXX";
  UniqueFd own_;
};

TEST_F(LandlockTest, OwnDirectory_CanBeWrittenRenamedAndRemoved) {
  bool holds = false;
  bool done = Restricted(
      [this] {
        return sys::OpenAt(own_.get(), "a", O_RDWR | O_CREAT | O_TRUNC, 0600).ok() &&
               sys::RenameAt(own_.get(), "a", own_.get(), "b").ok() &&
               sys::OpenAt(own_.get(), "b", O_RDWR | O_TRUNC).ok() &&
               sys::UnlinkAt(own_.get(), "b").ok() && sys::Open("/etc/hosts", O_RDONLY).ok();
      },
      holds);
  EXPECT_EQ(done, holds);
}

TEST_F(LandlockTest, EverythingElse_IsRefused) {
  bool holds = false;
  bool done = Restricted(
      [this] {
        auto refused = [](const Result<UniqueFd>& opened) {
          return !opened.ok() && opened.error().code() == Code::kPermission;
        };
        return refused(sys::Open(Path("other"), O_RDONLY)) &&
               refused(sys::Open("/etc/hosts", O_WRONLY)) &&
               refused(sys::Open("/etc/passwd", O_RDONLY)) &&
               refused(sys::OpenAt(own_.get(), "../other", O_WRONLY)) &&
               refused(sys::Open(Path("new"), O_WRONLY | O_CREAT, 0600)) &&
               !sys::RenameAt(AT_FDCWD, Path("other"), own_.get(), "a").ok();
      },
      holds);
  EXPECT_EQ(done, holds);
}

bool KernelHasLandlock() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

// boxlite-vm's list. Asked of the kernel as well, so that a refused ruleset is not taken for a
// kernel that has none.
TEST(Landlock, NothingListed_NothingOpensAndWhatIsOpenWorks) {
  int code = InChild([] {
    auto device = sys::Open("/dev/zero", O_RDWR).TakeValue();
    if (!NoNewPrivileges().ok()) return false;
    Result<bool> restricted = RestrictFiles({});
    if (!restricted.ok() || restricted.value() != KernelHasLandlock()) return false;
    bool refused = true;
    for (const char* path : {"/", "/etc/hosts", "/dev/zero", "/proc/self/status"})
      refused &= sys::Open(path, O_RDONLY).ok() != restricted.value();
    char byte = 1;
    return refused && sys::Read(device.get(), &byte, 1).ok() && byte == 0;
  });
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace boxlite::jail
