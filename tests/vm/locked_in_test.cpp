// What is left to the processes of a running box, as the kernel shows it, and whether the box's own
// words about it are true.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "vm/box_process.h"
#include "vm/process_state.h"

namespace boxlite::vm_test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::Pair;
using testing::StartsWith;
using Lines = std::vector<std::string>;

bool IsKvm() {
  return TestedEngine() == proto::Engine::kKvm;
}

// The files by which QEMU's jail names them, where an ordinary user may look for them.
class PublicFiles {
 public:
  PublicFiles() {
    std::string pattern = fs::temp_directory_path() / "boxlite-public-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    fs::permissions(folder_, fs::perms(0755));
    for (std::string* file : {&files_.kernel, &files_.initramfs}) {
      std::string copy = folder_ + "/" + fs::path(*file).filename().string();
      fs::copy_file(*file, copy);
      fs::permissions(copy, fs::perms(0644));
      *file = copy;
    }
    files_.runner = Runner::kNobody;
  }
  ~PublicFiles() { fs::remove_all(folder_); }
  PublicFiles(const PublicFiles&) = delete;
  PublicFiles& operator=(const PublicFiles&) = delete;
  const BoxFiles& files() const { return files_; }

 private:
  BoxFiles files_ = DefaultFiles();
  std::string folder_;
};

class LockedIn : public testing::TestWithParam<Runner> {
 protected:
  LockedIn() {
    // Nothing of it may get to the box's processes.
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    ::setenv("BOXLITE_TEST_SECRET", "swordfish", 1);
    if (GetParam() == Runner::kNobody) public_ = std::make_unique<PublicFiles>();
    files_ = public_ ? public_->files() : DefaultFiles();
    box_ = std::make_unique<BoxProcess>(files_);
  }

  Lines Launch(const proto::Launch& launch) { return box_->Launch(launch).jail; }
  Lines Launch() {
    proto::Launch launch = BoxProcess::DefaultLaunch();
    launch.cpus = 2;
    return Launch(launch);
  }

  pid_t vm() const { return box_->pid(); }
  // boxlite-vm, and QEMU where it is the engine.
  std::vector<pid_t> Processes() const {
    if (IsKvm()) return {vm()};
    return {vm(), box_->QemuPid()};
  }
  std::vector<std::map<std::string, std::string>> Threads() const {
    std::vector<std::map<std::string, std::string>> threads;
    for (pid_t pid : Processes())
      for (pid_t thread : ThreadsOf(pid)) threads.push_back(StatusOf(thread));
    return threads;
  }

  std::unique_ptr<PublicFiles> public_;
  BoxFiles files_;
  std::unique_ptr<BoxProcess> box_;
};

// Of `processes`, whether each is in another namespace than this test.
std::vector<bool> Differ(const std::vector<pid_t>& processes, const std::string& kind) {
  std::vector<bool> differ;
  differ.reserve(processes.size());
  for (pid_t pid : processes)
    differ.push_back(LinkOf(pid, "ns/" + kind) != LinkOf(::getpid(), "ns/" + kind));
  return differ;
}

constexpr const char* kNoCapability = "0000000000000000";

TEST_P(LockedIn, EveryThread_IsFilteredAndHasNoCapability) {
  Launch();
  auto threads = Threads();
  EXPECT_GE(threads.size(), 5u);  // boxlite-vm's with two disks and vCPUs, or QEMU's
  EXPECT_THAT(threads, Each(IsSupersetOf({Pair("Seccomp", "2"), Pair("NoNewPrivs", "1")})));
  EXPECT_THAT(threads,
              Each(IsSupersetOf({Pair("CapInh", kNoCapability), Pair("CapPrm", kNoCapability),
                                 Pair("CapEff", kNoCapability), Pair("CapBnd", kNoCapability),
                                 Pair("CapAmb", kNoCapability)})));
}

TEST_P(LockedIn, Threads_AreTheEnginesAndHaveTheirNames) {
  Launch();
  Lines names;
  for (pid_t thread : ThreadsOf(vm())) names.push_back(StatusOf(thread)["Name"]);
  std::sort(names.begin(), names.end());
  Lines of_kvm = {"boxlite-vm", "disk 0", "disk 1", "vcpu 0", "vcpu 1"};
  EXPECT_EQ(names, IsKvm() ? of_kvm : Lines{"boxlite-vm"});
}

// Its own and the loop's: standard streams, what it was handed, and two pipes that libuv holds.
std::map<std::string, int> DescriptorsOfEveryBox(const BoxProcess& box) {
  return {{"/dev/null", 2},
          {box.directory() + "/log", 2},
          {box.directory() + "/exit", 2},
          {box.directory() + "/lock", 1},
          {"anon_inode:[eventpoll]", 1},
          {"anon_inode:[signalfd]", 1},
          {"socket", 2},
          {"pipe", 4}};
}

TEST_P(LockedIn, DescriptorsOfTheVm_AreJustThese) {
  Launch();
  auto expected = DescriptorsOfEveryBox(*box_);
  if (IsKvm()) {
    expected["anon_inode:kvm-vm"] = 1;
    expected["anon_inode:kvm-vcpu:0"] = 1;
    expected["anon_inode:kvm-vcpu:1"] = 1;
    expected[files_.root_disk] = 1;
    expected[box_->directory() + "/scratch"] = 1;
  } else {
    expected["anon_inode:[pidfd]"] = 1;
    expected["socket"] += 3;  // the agent, the monitor, the console
    expected["pipe"] += 1;    // QEMU's errors
  }
  auto found = DescriptorsOf(vm());
  // One for the loop, and under kvm one for each queue.
  EXPECT_EQ(found["anon_inode:[eventfd]"], IsKvm() ? 10 : 1);
  found.erase("anon_inode:[eventfd]");
  EXPECT_EQ(found, expected);
}

// A host that allows no namespaces of either kind leaves the box in its own, and the box says so.
TEST_P(LockedIn, NamespacesAndRoot_AreAsItSays) {
  Lines jail = Launch();
  auto says = [&jail](const char* state) {
    return std::ranges::count(jail, std::string("boxlite-vm namespaces: ") + state) == 1;
  };
  bool with_user = says("user, mount, ipc, network, uts; empty root");
  bool own = with_user || says("mount, ipc, network, uts; empty root");
  EXPECT_THAT(Differ({vm()}, "user"), ElementsAre(with_user));
  for (const char* kind : {"mnt", "ipc", "net", "uts"})
    EXPECT_THAT(Differ({vm()}, kind), ElementsAre(own)) << kind;
  EXPECT_EQ(NamesInRootOf(vm()).empty(), own);
}

TEST_P(LockedIn, Environment_IsEmpty) {
  Launch();
  for (pid_t pid : Processes()) {
    std::string environment = ReadProc(pid, "environ");
    EXPECT_EQ(environment, std::string(environment.size(), '\0'));
  }
}

TEST_P(LockedIn, MemoryOfTheVm_IsNowhereWritableAndExecutable) {
  Launch();
  std::string maps = ReadProc(vm(), "maps");
  EXPECT_THAT(maps, AllOf(HasSubstr(" r-xp "), HasSubstr(" rw-p ")));
  EXPECT_THAT(maps, Not(HasSubstr(" rwx")));
  EXPECT_THAT(maps, Not(HasSubstr(" -wx")));
}

TEST_P(LockedIn, Limits_AreSet) {
  Launch();
  auto limits = LimitsOf(vm());
  EXPECT_EQ(limits["Max core file size"], "0 0");
  EXPECT_EQ(limits["Max open files"], "256 256");
  EXPECT_EQ(limits["Max locked memory"], "0 0");
  EXPECT_EQ(limits["Max msgqueue size"], "0 0");
}

TEST_P(LockedIn, Info_NamesEachLayer) {
  Lines jail = Launch();
  auto client = box_->Connect();
  auto info = client->Closed<proto::InfoClosed>(client->Open(proto::InfoRequest{}));
  EXPECT_EQ(info.launched.jail, jail);
  for (const char* layer :
       {"namespaces", "dumps", "limits", "capabilities", "no_new_privs", "files", "system calls"})
    EXPECT_THAT(jail, Contains(StartsWith(std::string("boxlite-vm ") + layer + ": "))) << layer;
  EXPECT_EQ(jail.size(), IsKvm() ? 7u : 11u);
}

TEST_P(LockedIn, WithoutJail_IsInTheHostsNamespacesAndLockedInOtherwise) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.no_jail = 1;
  Lines jail = Launch(launch);
  EXPECT_THAT(jail,
              Contains("boxlite-vm namespaces: the host's; switched off by the box's options"));
  for (const char* kind : {"user", "mnt", "ipc", "net", "uts", "pid"})
    EXPECT_THAT(Differ(Processes(), kind), Each(false)) << kind;
  EXPECT_THAT(Threads(), Each(IsSupersetOf({Pair("Seccomp", "2"), Pair("NoNewPrivs", "1"),
                                            Pair("CapEff", kNoCapability)})));
}

TEST_P(LockedIn, WithoutFilters_HasNoneAndIsLockedInOtherwise) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.no_seccomp = 1;
  Lines jail = Launch(launch);
  EXPECT_THAT(jail, Contains("boxlite-vm system calls: not filtered; switched off by the box's "
                             "options"));
  std::string ours = StatusOf(::getpid())["Seccomp"];
  EXPECT_THAT(Threads(), Each(IsSupersetOf({Pair("Seccomp", ours.c_str()), Pair("NoNewPrivs", "1"),
                                            Pair("CapEff", kNoCapability)})));
}

// The test's words would prove nothing, were it the same user after all.
TEST_P(LockedIn, Runner_IsWhoWasAskedFor) {
  Launch();
  std::string user = GetParam() == Runner::kNobody ? "65534" : std::to_string(::geteuid());
  std::string all = user + "\t" + user + "\t" + user + "\t" + user;
  EXPECT_THAT(Threads(), Each(Contains(Pair("Uid", all))));
}

std::string RunnersName(const testing::TestParamInfo<Runner>& runner) {
  return runner.param == Runner::kNobody ? "AsNobody" : "AsTheCaller";
}
constexpr Runner kRunners[] = {Runner::kCaller, Runner::kNobody};
INSTANTIATE_TEST_SUITE_P(Runners, LockedIn, testing::ValuesIn(kRunners), RunnersName);

// ---------------------------------------------------------------- QEMU's own

// Another name, so that the kvm engine's run leaves them out.
class QemuLockedIn : public LockedIn {
 protected:
  pid_t qemu() const { return box_->QemuPid(); }
};

TEST_P(QemuLockedIn, Jail_IsAsItSays) {
  Lines jail = Launch();
  EXPECT_THAT(jail, IsSupersetOf(Lines{"qemu capabilities: dropped", "qemu no_new_privs: set",
                                       "qemu system calls: filtered by QEMU's own sandbox"}));
  EXPECT_THAT(jail,
              Contains(AnyOf("qemu namespaces: user, mount, pid, ipc, network, uts; empty root",
                             HasSubstr("refused by the host"))));
  bool own = jail.front().find("; empty root") != std::string::npos;
  for (const char* kind : {"mnt", "pid", "ipc", "net", "uts"})
    EXPECT_THAT(Differ({qemu()}, kind), ElementsAre(own)) << kind;
}

TEST_P(QemuLockedIn, Descriptors_AreTheBoxs) {
  Launch();
  auto found = DescriptorsOf(qemu());
  std::map<std::string, int> kinds;
  for (const auto& [what, count] : found) kinds[what] = 1;
  std::map<std::string, int> expected = {{"/dev/null", 1},
                                         {files_.kernel, 1},
                                         {files_.initramfs, 1},
                                         {files_.root_disk, 1},
                                         {box_->directory() + "/scratch", 1},
                                         {"anon_inode:[eventfd]", 1},
                                         {"anon_inode:[signalfd]", 1},
                                         {"socket", 1},
                                         {"pipe", 1}};
  EXPECT_EQ(kinds, expected);
  EXPECT_EQ(found["socket"], 3);
  EXPECT_EQ(found["pipe"], 1);
}

TEST_P(QemuLockedIn, Limits_AreSet) {
  Launch();
  auto limits = LimitsOf(qemu());
  EXPECT_EQ(limits["Max core file size"], "0 0");
  EXPECT_EQ(limits["Max open files"], "64 64");
  EXPECT_EQ(limits["Max msgqueue size"], "0 0");
  EXPECT_THAT(limits["Max address space"], Not(HasSubstr("unlimited")));
}

// A megabyte of it, after which the log begins anew at its middle. (The kvm engine's loop has the
// same rules; in the rig this would take minutes.)
TEST_P(QemuLockedIn, GuestThatFloodsItsConsole_GoesOn) {
  Launch();
  Client::Outcome outcome =
      box_->owner().Shell("head -c 1100000 /dev/zero | tr '\\0' x >/dev/ttyS0; echo done");
  EXPECT_EQ(outcome.output, "done\n");
  EXPECT_THAT(box_->Log(), HasSubstr("the log continues at its middle"));
}

INSTANTIATE_TEST_SUITE_P(Runners, QemuLockedIn, testing::ValuesIn(kRunners), RunnersName);

}  // namespace
}  // namespace boxlite::vm_test
