// WRITE_FILE and READ_FILE, in a real guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "guest/machine.h"

namespace boxlite::guest_test {
namespace {

using testing::HasSubstr;

constexpr size_t kOutput = 1;

class Files : public testing::Test {
 protected:
  Files() { machine_.Configure(); }

  proto::ErrorRecord Write(const std::string& path, std::string_view data, uint32_t mode = 0644,
                           const std::string& user = "") {
    proto::WriteFile request;
    request.path = path;
    request.mode = mode;
    request.user = user;
    uint32_t stream = machine_.Open(request);
    machine_.SendAll(stream, data);
    if (machine_.at(stream).refusal) return *machine_.at(stream).refusal;
    return machine_.Closed<proto::Closed>(stream).status;
  }
  uint32_t Read(const std::string& path) {
    proto::ReadFile request;
    request.window = kWindow;
    request.path = path;
    uint32_t stream = machine_.Open(request);
    machine_.WaitOver(stream);
    return stream;
  }

  Machine machine_;
};

TEST_F(Files, EightMegabytes_ComeBackAsWritten) {
  std::string data(8 * 1024 * 1024 + 3, 0);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 13 + i / 4096);
  EXPECT_EQ(Write("/deep/er/file", data, 0750, "user").code, 0);
  uint32_t stream = Read("/deep/er/file");
  EXPECT_TRUE(machine_.at(stream).data[kOutput] == data);
  EXPECT_TRUE(machine_.at(stream).ended[kOutput]);
  EXPECT_EQ(machine_.at(stream).acceptance.size, data.size());
  EXPECT_EQ(machine_.at(stream).acceptance.mode, 0750u);
  EXPECT_EQ(machine_.Closed<proto::Closed>(stream).status.code, 0);
  EXPECT_EQ(machine_.Shell("stat -c '%U:%G %a' /deep/er/file /deep/er; ls -A /deep/er").output,
            "user:user 750\nroot:root 755\nfile\n");
}

TEST_F(Files, Cancelled_LeavesNothing) {
  EXPECT_EQ(Write("/tmp/f", "before").code, 0);
  proto::WriteFile request;
  request.path = "/tmp/f";
  uint32_t stream = machine_.Open(request);
  machine_.WaitAccepted(stream);
  machine_.Send(proto::Kind::kData, stream, AsBytes("half"));
  machine_.Send(proto::Kind::kCancel, stream, {});
  EXPECT_EQ(machine_.Closed<proto::Closed>(stream).status.code, static_cast<int>(Code::kCancelled));
  EXPECT_EQ(machine_.Shell("cat /tmp/f; ls -A /tmp").output, "beforef\n");
}

TEST_F(Files, LinksAndDevices_AreWrittenThrough) {
  machine_.Shell("ln -s target /tmp/link; echo old >/tmp/target");
  EXPECT_EQ(Write("/tmp/link", "new").code, 0);
  EXPECT_EQ(machine_.Shell("readlink /tmp/link; cat /tmp/target").output, "target\nnew");
  EXPECT_EQ(Write("/dev/null", "gone").code, 0);
  EXPECT_EQ(machine_.Shell("stat -c %F /dev/null").output, "character special file\n");
  EXPECT_EQ(Write("/proc/sys/kernel/hostname", "other").code, 0);
  EXPECT_EQ(machine_.Run({"hostname"}).output, "other\n");
}

TEST_F(Files, WhatHasNoSize_IsReadToItsEnd) {
  uint32_t stream = Read("/proc/self/status");
  EXPECT_THAT(machine_.at(stream).data[kOutput], HasSubstr("Pid:\t1\n"));
  stream = Read("/etc/passwd");
  EXPECT_THAT(machine_.at(stream).data[kOutput], HasSubstr("user:x:1000"));
}

TEST_F(Files, WhatIsNoFile_IsRefused) {
  machine_.Shell("mkfifo /tmp/fifo; ln -s /loop /loop");
  EXPECT_EQ(Write("/etc", "x").os_errno, EISDIR);
  EXPECT_EQ(Write("relative", "x").code, static_cast<int>(Code::kInvalidArgument));
  EXPECT_EQ(Write("/etc/passwd/x", "x").os_errno, ENOTDIR);
  EXPECT_EQ(Write("/tmp/fifo", "x").os_errno, ENXIO) << "nobody reads it";
  EXPECT_EQ(Write("/loop", "x").os_errno, ELOOP);
  for (const char* path : {"/etc", "/tmp/fifo", "/dev/zero", "/not/there", "relative", "/loop"}) {
    EXPECT_TRUE(machine_.at(Read(path)).refusal) << path;
  }
  EXPECT_EQ(machine_.at(Read("/etc")).refusal->code, static_cast<int>(Code::kInvalidArgument));
  EXPECT_EQ(machine_.at(Read("/etc")).refusal->os_errno, EISDIR);
  EXPECT_EQ(machine_.at(Read("/not/there")).refusal->code, static_cast<int>(Code::kNotFound));
}

TEST_F(Files, FullDisk_IsReported) {
  auto status = Write("/big", std::string(300 * 1024 * 1024, 'x'));
  EXPECT_EQ(status.code, static_cast<int>(Code::kResourceExhausted));
  EXPECT_EQ(status.os_errno, ENOSPC);
  EXPECT_EQ(machine_.Shell("ls -A / | grep -c big").output, "0\n");
}

}  // namespace
}  // namespace boxlite::guest_test
