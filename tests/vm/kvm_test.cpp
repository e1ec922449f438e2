// What only the kvm engine has: its choice, its own words for a kernel that is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "hostile/eventually.h"
#include "hostile/held_disk.h"
#include "machine/machine.h"
#include "virtio/interrupt.h"
#include "vm/box_process.h"
#include "vm/failed_launch.h"
#include "vm/raw_kernel.h"

namespace boxlite::vm_test {
namespace {

namespace fs = std::filesystem;
using hostile_test::Eventually;
using hostile_test::HeldDisk;
using testing::HasSubstr;

Bytes ContentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

// Whether the process ends at all; it stays to be waited for.
bool Ends(pid_t pid) {
  return Eventually([pid] {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
  });
}

TEST(Kvm, Auto_IsHardwareIsolationAtTheMeasuredSpeed) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.engine = proto::Engine::kAuto;
  launch.isolation = proto::Isolation::kHardware;
  BoxProcess box;
  proto::Launched launched = box.Launch(launch);
  EXPECT_EQ(launched.engine, proto::Engine::kKvm);
  EXPECT_EQ(launched.isolation, proto::Isolation::kHardware);
  EXPECT_GE(launched.kvm_speed, 100u);
  EXPECT_THAT(launched.engine_reason, HasSubstr("hardware virtualization"));
  EXPECT_EQ(box.QemuPid(), -1);
}

TEST(Kvm, MoreProcessorsThanItHas_IsNamed) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.cpus = 33;
  Failure failure = LaunchFails(launch);
  EXPECT_EQ(CodeOf(failure), Code::kInvalidArgument);
  EXPECT_THAT(failure.refusal.message, HasSubstr("at most 32 processors"));
}

TEST(Kvm, KernelThatIsNone_IsToldBeforeAnythingRuns) {
  BoxFiles files = DefaultFiles();
  files.kernel = "/etc/passwd";
  Failure failure = LaunchFails(BoxProcess::DefaultLaunch(), files);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("ELF"));
  EXPECT_EQ(failure.exit.reason, proto::ExitReason::kBoot);
}

size_t CountOf(const std::string& words, const std::string& text) {
  size_t count = 0;
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++count;
  return count;
}

// Features none but the version, which is bit 32; then FEATURES_OK. Virtio 1.2, section 4.2.2.
constexpr RegisterWrite kReset = {0x70, 0}, kAcknowledge = {0x70, 1}, kDriver = {0x70, 3},
                        kUpperFeatures = {0x24, 1}, kVersion1 = {0x20, 1}, kFeaturesOk = {0x70, 11},
                        kFirstQueue = {0x30, 0}, kQueueReady = {0x44, 1}, kDriverOk = {0x70, 15},
                        kKick = {0x50, 0};

BoxFiles FilesWith(const UniqueFd& kernel) {
  BoxFiles files = DefaultFiles();
  files.kernel = "/proc/self/fd/" + std::to_string(kernel.get());
  return files;
}

// Starts the entropy device with a queue of no entries, which breaks it, resets it, and so on.
TEST(Kvm, GuestThatBreaksItsDeviceWithoutEnd_IsLoggedAFewTimes) {
  constexpr RegisterWrite kBreaks[] = {kReset,         kAcknowledge, kDriver,
                                       kUpperFeatures, kVersion1,    kFeaturesOk,
                                       kFirstQueue,    kQueueReady,  kDriverOk};
  UniqueFd kernel = RawKernel(machine::Slot::kRng, kBreaks, 1000);
  BoxProcess box(FilesWith(kernel));
  uint32_t launch = box.owner().Open(BoxProcess::DefaultLaunch());
  const std::string line =
      "\nboxlite-vm: the entropy device stopped until it is reset: the driver sets up a queue of "
      "size 0";
  EXPECT_TRUE(Eventually([&] {
    std::string log = "\n" + box.Log();
    return CountOf("!\n", log) == 1 && CountOf(line, log) >= virtio::Interrupt::kMaxTold;
  })) << box.Log();
  box.owner().Send(proto::Kind::kCancel, launch, {});
  box.owner().Refused(launch);
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_EQ(CountOf(line, "\n" + box.Log()), virtio::Interrupt::kMaxTold);
  EXPECT_EQ(CountOf("the next times are not told", box.Log()), 1u);
}

// A ring of the disk's with one request in it: a read of the first page.
Bytes RingWithARead() {
  constexpr uint16_t kNext = 1, kWritable = 2;
  Bytes ring;
  auto descriptor = [&ring](uint64_t address, uint32_t length, uint16_t flags, uint16_t next) {
    AppendLe(ring, address);
    AppendLe(ring, length);
    AppendLe(ring, flags);
    AppendLe(ring, next);
  };
  descriptor(kRawData + 0x300, 16, kNext, 1);
  descriptor(kRawData + 0x10000, 4096, kNext | kWritable, 2);
  descriptor(kRawData + 0x310, 1, kWritable, 0);
  ring.resize(0x400);
  ring[0x100 + 2] = 1;  // the available ring's index
  return ring;
}

// Starts the disk, kicks it, and goes on for a while, so that the request is begun; sooner or later
// it is before the next turn's reset.
std::vector<RegisterWrite> ReadsAndResets() {
  constexpr size_t kPause = 200;
  std::vector<RegisterWrite> writes{kReset,
                                    kAcknowledge,
                                    kDriver,
                                    kUpperFeatures,
                                    kVersion1,
                                    kFeaturesOk,
                                    kFirstQueue,
                                    {0x38, 8},
                                    {0x80, kRawData},
                                    {0x90, kRawData + 0x100},
                                    {0xa0, kRawData + 0x200},
                                    kQueueReady,
                                    kDriverOk,
                                    kKick};
  writes.insert(writes.end(), kPause, kFirstQueue);
  return writes;
}

// The guest resets its disk while a request hangs, and its vCPU waits in that for good.
TEST(Kvm, GuestThatResetsADiskThatHangs_CanBeStopped) {
  auto disk = HeldDisk::Create(Bytes(1 << 20)).TakeValue();
  disk->Hold();
  UniqueFd kernel =
      RawKernel(machine::Slot::kRootDisk, ReadsAndResets(), UINT32_MAX, RingWithARead());
  BoxFiles files = FilesWith(kernel);
  files.root_disk = disk->path();
  BoxProcess box(files);
  uint32_t launch = box.owner().Open(BoxProcess::DefaultLaunch());
  ASSERT_TRUE(Eventually([&disk] { return disk->held() > 0; })) << box.Log();
  box.owner().Send(proto::Kind::kCancel, launch, {});
  EXPECT_EQ(box.owner().Refused(launch).code, static_cast<int32_t>(Code::kCancelled));
  ASSERT_TRUE(Ends(box.pid()));
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_EQ(box.ExitRecord().reason, proto::ExitReason::kStopped);
}

// A read that hangs holds a disk's thread. It neither keeps a box from being stopped nor its
// process from ending.
TEST(Kvm, HostsDiskThatHangs_KeepsNobody) {
  BoxFiles files = DefaultFiles();
  auto disk = HeldDisk::Create(ContentOf(files.root_disk)).TakeValue();
  files.root_disk = disk->path();
  BoxProcess box(files);
  box.Launch();
  disk->Hold();
  box.owner().Open(Command({"sh", "-c", "cat /dev/vda >/dev/null"}));
  ASSERT_TRUE(Eventually([&disk] { return disk->held() > 0; })) << box.Log();
  uint32_t stop = box.owner().Open(proto::Stop{});
  EXPECT_EQ(box.owner().Closed<proto::Closed>(stop).status.code, 0);
  EXPECT_EQ(box.ExitRecord().reason, proto::ExitReason::kStopped);
  ASSERT_TRUE(Ends(box.pid()));
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_GT(disk->held(), 0u);
}

// A kernel of this test's own, to be spoilt.
class KvmOwnKernel : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "boxlite-kernel-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    fs::copy_file(files_.kernel, folder_ + "/kernel");
    files_.kernel = folder_ + "/kernel";
  }
  void TearDown() override { fs::remove_all(folder_); }

  BoxFiles files_ = DefaultFiles();
  std::string folder_;
};

TEST_F(KvmOwnKernel, CutShort_IsToldBeforeAnythingRuns) {
  fs::resize_file(files_.kernel, fs::file_size(files_.kernel) / 2);
  Failure failure = LaunchFails(BoxProcess::DefaultLaunch(), files_);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("the kernel is not an image to boot: a segment"));
  EXPECT_EQ(failure.exit.reason, proto::ExitReason::kBoot);
}

// Its code is mapped from the file: what is gone from there, the guest does not get any more.
TEST_F(KvmOwnKernel, CutShortWhileTheBoxRuns_EndsTheBoxAndSaysWhy) {
  BoxProcess box(files_);
  box.Launch();
  fs::resize_file(files_.kernel, 4096);
  box.owner().Open(Command({"sh", "-c", "while :; do ps; mount; done"}));
  auto exit = box.owner().Closed<proto::BoxExit>(box.launch_stream());
  EXPECT_EQ(exit.reason, proto::ExitReason::kEngine);
  EXPECT_THAT(exit.detail, HasSubstr("the kernel's file may have been cut short"));
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_EQ(box.ExitRecord().reason, proto::ExitReason::kEngine);
}

}  // namespace
}  // namespace boxlite::vm_test
