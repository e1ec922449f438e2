#include "jail/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/sys.h"

namespace boxlite::jail {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SpawnTest : public testing::Test {
 protected:
  void SetUp() override {
    auto ends = sys::Pipe().TakeValue();
    read_ = std::move(ends.first);
    write_ = std::move(ends.second);
    spec_.program = "/bin/sh";
    spec_.descriptors = {-1, write_.get(), write_.get()};
    for (const char* path : {"/usr", "/bin", "/lib", "/lib64"})
      spec_.binds.push_back({path, path, Bind::Access::kReadOnly});
    spec_.binds.push_back({"/dev/null", "/dev/null", Bind::Access::kDevice});
  }
  // Runs a script to its end and returns what it wrote.
  std::string RunScript(const std::string& script) {
    spec_.argv = {"sh", "-c", script};
    auto child = Spawn(spec_);
    EXPECT_TRUE(child.ok());
    if (!child.ok()) return child.error().message();
    write_.Reset();
    layers_ = child.value().layers;
    std::string text = sys::ReadFile(read_.get(), 1 << 20).value();
    ::waitpid(child.value().pid, &status_, 0);
    return text;
  }
  bool Jailed() const { return layers_[0].find("empty root") != std::string::npos; }

  UniqueFd read_, write_;
  ChildSpec spec_;
  std::vector<std::string> layers_;
  int status_ = -1;
};

TEST_F(SpawnTest, Child_RunsWithOnlyItsDescriptorsAndNoEnvironment) {
  spec_.binds.push_back({"/proc", "/proc", Bind::Access::kReadOnly});
  UniqueFd leak(::open("/dev/null", O_RDONLY));  // without close-on-exec
  std::string text = RunScript("env | grep -v '^PWD=\\|^_=\\|^SHLVL='; ls /proc/self/fd | wc -l");
  EXPECT_EQ(text, "4\n");  // 0, 1, 2, and ls's own of the directory
  EXPECT_EQ(status_, 0);
}

TEST_F(SpawnTest, Root_HoldsTheBindsAndNothingCanBeWritten) {
  std::string text = RunScript(
      "echo /*; echo x >/file && echo wrote; echo x >/usr/file && echo wrote; echo x >/dev/null "
      "&& echo device");
  if (!Jailed()) GTEST_SKIP() << layers_[0];
  EXPECT_THAT(text, HasSubstr("/usr"));
  EXPECT_THAT(text, HasSubstr("device\n"));
  EXPECT_THAT(text, Not(HasSubstr("/home")));
  EXPECT_THAT(text, Not(HasSubstr("/.host")));
  EXPECT_THAT(text, Not(HasSubstr("wrote")));
}

TEST_F(SpawnTest, Namespaces_AreItsOwn) {
  spec_.binds.push_back({"/proc", "/proc", Bind::Access::kReadOnly});
  std::string text = RunScript("echo pid $$; grep CapBnd /proc/self/status; echo /sys/class/net/*");
  if (!Jailed()) GTEST_SKIP() << layers_[0];
  EXPECT_THAT(text, HasSubstr("pid 1\n"));
}

TEST_F(SpawnTest, Child_CannotGainPrivileges) {
  spec_.binds.push_back({"/proc", "/proc", Bind::Access::kReadOnly});
  // The pid is the outer /proc's, so that "self" works under a pid namespace, too.
  std::string text = RunScript("cat /proc/self/status");
  EXPECT_THAT(text, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(text, HasSubstr("CapEff:\t0000000000000000"));
}

TEST_F(SpawnTest, Limits_Hold) {
  spec_.limits = {{RLIMIT_NOFILE, 33}};
  EXPECT_EQ(RunScript("ulimit -n"), "33\n");
}

TEST_F(SpawnTest, Arguments_DependOnTheRoot) {
  spec_.argv = {"sh", "-c", "echo $0"};
  spec_.jailed_argv = {"jailed"};
  spec_.unjailed_argv = {"unjailed"};
  auto child = Spawn(spec_);
  ASSERT_TRUE(child.ok());
  write_.Reset();
  std::string text = sys::ReadFile(read_.get(), 4096).value();
  ::waitpid(child.value().pid, nullptr, 0);
  layers_ = child.value().layers;
  EXPECT_EQ(text, Jailed() ? "jailed\n" : "unjailed\n");
}

TEST_F(SpawnTest, Program_ThatDoesNotExist_IsAnErrorAndLeavesNoChild) {
  spec_.program = "/usr/bin/there-is-no-such-program";
  spec_.argv = {"x"};
  auto child = Spawn(spec_);
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.error().code(), Code::kNotFound);
  EXPECT_THAT(child.error().message(), StartsWith("/usr/bin/there-is-no-such-program"));
  EXPECT_LT(::waitpid(-1, nullptr, WNOHANG), 0);
}

// With one descriptor more each time, until everything has its own.
int SpawnWithDescriptors(const ChildSpec& spec, rlim_t count) {
  pid_t pid = ::fork();
  if (pid == 0) {
    rlimit limit{count, count};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto child = Spawn(spec);
    bool childless = ::waitpid(-1, nullptr, WNOHANG) < 0;
    if (!child.ok()) ::_exit(childless ? 1 : 2);
    ::_exit(child.value().pidfd ? 0 : 3);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST_F(SpawnTest, DescriptorsRunOut_IsAnErrorWithoutAChildOrAChildWithAPidfd) {
  spec_.argv = {"sh", "-c", "exec sleep 1000"};
  spec_.descriptors.clear();  // The child needs none, so that the pidfd is what there is none for.
  rlim_t count = 3;
  int result = 1;
  for (; result == 1; ++count) result = SpawnWithDescriptors(spec_, count);
  EXPECT_EQ(result, 0) << "with " << count - 1 << " descriptors";
  EXPECT_GT(count, 4u);
}

TEST_F(SpawnTest, Child_DiesWithItsParent) {
  pid_t parent = ::fork();
  if (parent == 0) {
    spec_.argv = {"sh", "-c", "echo started; exec sleep 1000"};
    auto child = Spawn(spec_);
    ::_exit(child.ok() ? 0 : 1);
  }
  write_.Reset();
  int status = -1;
  ::waitpid(parent, &status, 0);
  EXPECT_EQ(status, 0);
  // Ends only when the child, too, has let go of the pipe.
  static_cast<void>(sys::ReadFile(read_.get(), 4096));
}

bool WriteText(const char* path, const std::string& text) {
  auto file = sys::Open(path, O_WRONLY);
  return file.ok() && sys::WriteAll(file.value().get(), AsBytes(text)).ok();
}

// Makes a host, for this process, that gives no namespaces of these kinds.
bool ForbidNamespaces(const std::vector<std::string>& kinds) {
  auto same = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1"; };
  std::string users = same(::geteuid()), groups = same(::getegid());
  if (::unshare(CLONE_NEWUSER) < 0 || !WriteText("/proc/self/setgroups", "deny") ||
      !WriteText("/proc/self/gid_map", groups) || !WriteText("/proc/self/uid_map", users))
    return false;
  for (const std::string& kind : kinds) {
    if (!WriteText(("/proc/sys/user/max_" + kind + "_namespaces").c_str(), "0")) return false;
  }
  return true;
}

// 77: this host does not let us make such a host.
int SpawnWhereForbidden(const ChildSpec& spec, const std::vector<std::string>& kinds,
                        const std::string& expected_layer) {
  pid_t pid = ::fork();
  if (pid == 0) {
    if (!ForbidNamespaces(kinds)) ::_exit(77);
    auto child = Spawn(spec);
    if (!child.ok()) ::_exit(1);
    int status = -1;
    ::waitpid(child.value().pid, &status, 0);
    bool told = child.value().layers[0].rfind(expected_layer, 0) == 0 &&
                child.value().layers[0].find("refused by the host: ") != std::string::npos;
    ::_exit(status == 0 && told ? 0 : 2);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST_F(SpawnTest, HostWithoutUserNamespaces_TakesTheOthersAndSaysSo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has the others without a user namespace";
  spec_.argv = {"sh", "-c", "test ! -e /home"};
  int status = SpawnWhereForbidden(spec_, {"user"}, "namespaces: mount, pid");
  if (status == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(SpawnTest, HostWithoutNamespaces_GoesOnAndSaysSo) {
  spec_.argv = {"sh", "-c", "test -e /etc"};
  int status = SpawnWhereForbidden(spec_, {"user", "mnt"}, "namespaces: none; refused");
  if (status == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace boxlite::jail
