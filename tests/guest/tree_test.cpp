// PUT_TREE, GET_TREE, files by name and the process list, in a real guest, on each of its file
// systems.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "guest/machine.h"
#include "tar/writer.h"

namespace boxlite::guest_test {
namespace {

using testing::HasSubstr;

constexpr size_t kOutput = 1;

class Trees : public testing::Test {
 protected:
  Trees() { machine_.Configure(); }

  proto::ErrorRecord Put(proto::PutTree request, std::string_view archive) {
    uint32_t stream = machine_.Open(std::move(request));
    machine_.SendAll(stream, archive);
    if (machine_.at(stream).refusal) return *machine_.at(stream).refusal;
    return machine_.Closed<proto::Closed>(stream).status;
  }
  std::string Get(const std::string& path, const std::string& name) {
    proto::GetTree request;
    request.window = kWindow;
    request.path = path;
    request.name = name;
    uint32_t stream = machine_.Open(request);
    EXPECT_EQ(machine_.Closed<proto::Closed>(stream).status.code, 0)
        << machine_.Closed<proto::Closed>(stream).status.message;
    return machine_.at(stream).data[kOutput];
  }
  static proto::PutTree Archive(const std::string& path) {
    proto::PutTree request;
    request.path = path;
    request.flags = proto::kPutArchive | proto::kPutOwners;
    return request;
  }

  Machine machine_;
};

TEST_F(Trees, EveryFileSystem_KeepsWhatAFileHas) {
  machine_.Shell(
      "mkdir /src; cd /src; mkdir -p d/e; echo text >d/f; chown 123:456 d/f; chmod 4751 d/f; "
      "ln d/f d/g; ln -s ../x d/l; mkfifo p; mknod n c 1 3; truncate -s 5M hole; "
      "touch -d @1000000000 d/f d/e");
  std::string archive = Get("/src", "copy");
  EXPECT_LT(archive.size(), 20'000u) << "holes are not sent";
  for (const char* place : {"/root", "/tmp", "/dev/shm"}) {
    if (std::string(place) == "/tmp") machine_.Shell("mount -t tmpfs none /tmp");
    EXPECT_EQ(Put(Archive(place), archive).message, "") << place;
    EXPECT_EQ(machine_
                  .Shell(std::string("cd ") + place +
                         "/copy; stat -c '%n %a %u:%g %h %Y' d/f d/e | cut -d' ' -f1-5; "
                         "readlink d/l; cat d/g; stat -c '%F %t %T' p n; "
                         "stat -c %s hole; [ $(stat -c %b hole) -lt 100 ] && echo sparse")
                  .output,
              "d/f 4751 123:456 2 1000000000\nd/e 755 0:0 2 1000000000\n../x\ntext\n"
              "fifo 0 0\ncharacter special file 1 3\n5242880\nsparse\n")
        << place;
  }
}

TEST_F(Trees, AStream_DoesNotLeaveItsDirectory) {
  machine_.Shell("mkdir /in /out; ln -s /out /in/door");
  for (const char* path : {"../out/x", "door/../../out/x"}) {
    tar::Entry entry;
    entry.path = path;
    Bytes archive;
    tar::AppendHeader(archive, entry);
    tar::AppendEnd(archive);
    auto status = Put(Archive("/in"), AsText(archive));
    EXPECT_EQ(status.code, static_cast<int>(Code::kInvalidArgument)) << path;
  }
  tar::Entry entry;
  entry.path = "door/x";
  Bytes archive;
  tar::AppendHeader(archive, entry);
  tar::AppendEnd(archive);
  Put(Archive("/in"), AsText(archive));
  EXPECT_EQ(machine_.Shell("ls -A /out").output, "") << "a link leads as if /in were the root";
}

TEST_F(Trees, Cancelled_LeavesNoHalfTreeWithoutOverwriting) {
  std::string archive = Get("/bin/busybox", "busybox");
  proto::PutTree request = Archive("/tmp");
  request.flags |= proto::kPutExclusive;
  uint32_t stream = machine_.Open(request);
  machine_.WaitAccepted(stream);
  machine_.Send(proto::Kind::kData, stream, AsBytes(archive).first(100'000));
  machine_.Send(proto::Kind::kCancel, stream, {});
  EXPECT_EQ(machine_.Closed<proto::Closed>(stream).status.code, static_cast<int>(Code::kCancelled));
  EXPECT_EQ(machine_.Shell("ls -A /tmp; ps | grep -c boxlite-[f]iles").output, "0\n");
}

TEST_F(Trees, WhatGoesWrong_IsToldByName) {
  EXPECT_THAT(Put(Archive("/none"), "").message, HasSubstr("/none"));
  EXPECT_EQ(Put(Archive("relative"), "").code, static_cast<int>(Code::kInvalidArgument));
  EXPECT_EQ(Put(Archive("/tmp"), "short").code, static_cast<int>(Code::kInvalidArgument));
  std::string archive = Get("/bin/busybox", "busybox");
  machine_.Shell("mkdir /small; mount -t tmpfs -o size=64k none /small");
  auto status = Put(Archive("/small"), archive);
  EXPECT_EQ(status.code, static_cast<int>(Code::kResourceExhausted));
  EXPECT_EQ(status.os_errno, ENOSPC);
  EXPECT_THAT(status.message, HasSubstr("busybox"));
  proto::GetTree get;
  get.window = kWindow;
  get.path = "/not/there";
  auto missing = machine_.Closed<proto::Closed>(machine_.Open(get)).status;
  EXPECT_EQ(missing.code, static_cast<int>(Code::kNotFound));
  EXPECT_THAT(missing.message, HasSubstr("/not/there"));
}

TEST_F(Trees, AProcessThatIsKilled_IsAnErrorAndNoMore) {
  uint32_t stream = machine_.Open(Archive("/tmp"));
  machine_.WaitAccepted(stream);
  machine_.Shell("kill -9 $(ps | grep boxlite-[f]iles | awk '{print $1}')");
  EXPECT_EQ(machine_.Closed<proto::Closed>(stream).status.code,
            static_cast<int>(Code::kResourceExhausted));
  EXPECT_EQ(machine_.Shell("echo on").output, "on\n");
}

TEST_F(Trees, AnOwner_IsTheUserThatWasNamed) {
  std::string archive = Get("/etc/passwd", "passwd");
  proto::PutTree request;
  request.path = "/tmp/mine";
  request.name = "passwd";
  request.user = "user";
  EXPECT_EQ(Put(request, archive).message, "");
  EXPECT_EQ(machine_.Shell("stat -c %U:%G /tmp/mine").output, "user:user\n");
  request.user = "nobody-knows";
  EXPECT_EQ(Put(request, archive).code, static_cast<int>(Code::kInvalidArgument));
}

TEST(Limits, AForkBomb_LeavesRoomForOtherCommands) {
  Machine machine;
  machine.Configure();
  proto::Exec bomb = Command({"sh", "-c", "f() { f | f & }; f; sleep 1000"});
  bomb.window = kWindow;
  uint32_t stream = machine.Open(bomb);
  machine.WaitAccepted(stream);
  EXPECT_EQ(machine.Shell("echo on").output, "on\n");
  auto full = machine.Shell(
      "while grep -q 'max 0' /sys/fs/cgroup/box/exec-1/pids.events; do :; done; echo full");
  EXPECT_EQ(full.output, "full\n") << "it has met its limit";
  EXPECT_EQ(machine.Shell("echo a | cat | cat").output, "a\n");
  proto::SignalEvent kill;
  kill.number = 9;
  kill.scope = proto::SignalScope::kTree;
  machine.SendEvent(stream, kill);
  EXPECT_EQ(machine.Closed<proto::ExecClosed>(stream).exit_code, -9);
  EXPECT_EQ(machine.Shell("echo on").output, "on\n");
}

}  // namespace
}  // namespace boxlite::guest_test
