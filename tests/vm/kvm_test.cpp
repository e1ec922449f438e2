// What only the kvm engine has: its choice, its own words for a kernel that is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>

#include "hostile/eventually.h"
#include "hostile/held_disk.h"
#include "kvm/layout.h"
#include "machine/machine.h"
#include "unit/kvm/kernel_image.h"
#include "virtio/interrupt.h"
#include "vm/box_process.h"
#include "vm/failed_launch.h"

namespace boxlite::vm_test {
namespace {

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

void AppendCode(Bytes& code, std::initializer_list<uint8_t> bytes, uint32_t value) {
  code.insert(code.end(), bytes);
  AppendLe(code, value);
}

// Instead of Linux: starts the entropy device with a queue of no entries, which breaks it, resets
// it, and so on a thousand times; then says so, and halts.
Bytes CodeThatBreaksADevice() {
  constexpr uint64_t kRng =
      kvm::kMmioStart + static_cast<uint64_t>(machine::Slot::kRng) * kvm::kMmioSize;
  constexpr std::pair<uint8_t, uint32_t> kWrites[] = {{0x70, 0}, {0x70, 1}, {0x70, 3},
                                                      {0x24, 1}, {0x20, 1}, {0x70, 11},
                                                      {0x30, 0}, {0x44, 1}, {0x70, 15}};
  Bytes code;
  AppendCode(code, {0xbf}, static_cast<uint32_t>(kRng));  //       mov edi, registers
  AppendCode(code, {0xb9}, 1000);                         //       mov ecx, 1000
  size_t again = code.size();
  for (auto [offset, value] : kWrites)
    AppendCode(code, {0xc7, 0x47, offset}, value);  //             mov dword [edi+offset], value
  code.push_back(0x49);                             //             dec ecx
  auto back = static_cast<uint8_t>(again - (code.size() + 2));
  code.insert(code.end(), {0x75, back});                  //                jnz again
  AppendCode(code, {0x66, 0xba, 0xf8, 0x03, 0xb8}, '!');  //       mov dx, serial; mov eax, '!'
  AppendCode(code, {0xee, 0xb8}, '\n');                   //       out dx, al; mov eax, '\n'
  code.insert(code.end(), {0xee, 0xfa, 0xf4});            //                out dx, al; cli; hlt
  return code;
}

size_t CountOf(const std::string& words, const std::string& text) {
  size_t count = 0;
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++count;
  return count;
}

TEST(Kvm, GuestThatBreaksItsDeviceWithoutEnd_IsLoggedAFewTimes) {
  constexpr uint32_t kEntry = 0x10'0000;
  Bytes code = CodeThatBreaksADevice();
  kvm::KernelImage image(kEntry);
  image.Segment(kEntry, code, code.size()).Notes(kvm::PvhNote(kEntry));
  UniqueFd kernel = image.File();
  BoxFiles files = DefaultFiles();
  files.kernel = "/proc/self/fd/" + std::to_string(kernel.get());
  BoxProcess box(files);
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
  ASSERT_TRUE(Eventually([&disk] { return disk->held() > 0; }));
  uint32_t stop = box.owner().Open(proto::Stop{});
  EXPECT_EQ(box.owner().Closed<proto::Closed>(stop).status.code, 0);
  EXPECT_EQ(box.ExitRecord().reason, proto::ExitReason::kStopped);
  ASSERT_TRUE(Ends(box.pid()));
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_GT(disk->held(), 0u);
}

}  // namespace
}  // namespace boxlite::vm_test
