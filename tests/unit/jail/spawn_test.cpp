#include "jail/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <iterator>

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
  // A host may refuse namespaces; then the first layer says so, and there is nothing else to see.
  bool Jailed() const {
    bool jailed = layers_[0].find("empty root") != std::string::npos;
    if (jailed) return true;
    EXPECT_THAT(layers_[0], StartsWith("namespaces: none; refused by the host: "));
    return false;
  }

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
  if (!Jailed()) return;
  EXPECT_THAT(text, HasSubstr("/usr"));
  EXPECT_THAT(text, HasSubstr("device\n"));
  EXPECT_THAT(text, Not(HasSubstr("/home")));
  EXPECT_THAT(text, Not(HasSubstr("/.host")));
  EXPECT_THAT(text, Not(HasSubstr("wrote")));
}

TEST_F(SpawnTest, Namespaces_AreItsOwn) {
  spec_.binds.push_back({"/proc", "/proc", Bind::Access::kReadOnly});
  std::string text = RunScript("echo pid $$; grep CapBnd /proc/self/status; echo /sys/class/net/*");
  if (!Jailed()) return;
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

// Makes a host, for this process, that refuses to clone with any of `flags`, as the filters of
// containers do.
bool RefuseClone(uint32_t flags) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{std::size(code), code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// The first layer of a child where `flags` are refused; with " and it failed" where the script did.
std::string LayerWhereRefused(const ChildSpec& spec, uint32_t flags) {
  auto [reading, writing] = sys::Pipe().TakeValue();
  pid_t pid = ::fork();
  if (pid == 0) {
    if (!RefuseClone(flags)) ::_exit(1);
    auto child = Spawn(spec);
    if (!child.ok()) ::_exit(2);
    int status = -1;
    ::waitpid(child.value().pid, &status, 0);
    std::string told = child.value().layers[0] + (status == 0 ? "" : " and it failed");
    ::_exit(sys::WriteAll(writing.get(), AsBytes(told)).ok() ? 0 : 3);
  }
  writing.Reset();
  std::string layer = sys::ReadFile(reading.get(), 4096).TakeValue();
  int status = -1;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  return layer;
}

// Whether this process may make a mount namespace without a user namespace around it.
bool MayMakeMountNamespace() {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(::unshare(CLONE_NEWNS) == 0 ? 0 : 1);
  int status = -1;
  ::waitpid(pid, &status, 0);
  return status == 0;
}

TEST_F(SpawnTest, HostWithoutUserNamespaces_TakesTheOthersWhereItMayAndSaysSo) {
  bool others = MayMakeMountNamespace();
  spec_.argv = {"sh", "-c", others ? "test ! -e /home" : "test -e /etc"};
  std::string layer = LayerWhereRefused(spec_, CLONE_NEWUSER);
  EXPECT_THAT(layer, StartsWith(others ? "namespaces: mount, pid" : "namespaces: none; refused"));
  EXPECT_THAT(layer, HasSubstr("refused by the host: "));
  EXPECT_THAT(layer, Not(HasSubstr("failed")));
}

TEST_F(SpawnTest, HostWithoutNamespaces_GoesOnAndSaysSo) {
  spec_.argv = {"sh", "-c", "test -e /etc"};
  std::string layer = LayerWhereRefused(spec_, CLONE_NEWUSER | CLONE_NEWNS);
  EXPECT_THAT(layer, StartsWith("namespaces: none; refused by the host: "));
  EXPECT_THAT(layer, Not(HasSubstr("failed")));
}

}  // namespace
}  // namespace boxlite::jail
