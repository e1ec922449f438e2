// Event counters and what devices are asked by ioctl.
#include <gtest/gtest.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "base/sys.h"

namespace boxlite::sys {
namespace {

void Ring(int event, uint64_t count) {
  Bytes raw;
  AppendLe(raw, count);
  EXPECT_TRUE(WriteAll(event, raw).ok());
}

TEST(SysEventFd, Rings_AddUpUntilTheyAreRead) {
  UniqueFd event = EventFd().TakeValue();
  Ring(event.get(), 1);
  Ring(event.get(), 2);
  Bytes raw(8);
  ASSERT_EQ(Read(event.get(), raw.data(), raw.size()).TakeValue(), 8u);
  EXPECT_EQ(LoadLe<uint64_t>(raw.data()), 3u);
}

TEST(SysEventFd, ThatWasNotRung_DoesNotBlock) {
  UniqueFd event = EventFd().TakeValue();
  Bytes raw(8);
  EXPECT_EQ(Read(event.get(), raw.data(), raw.size()).error().os_errno(), EAGAIN);
}

TEST(SysEventFd, IsClosedOnExec) {
  UniqueFd event = EventFd().TakeValue();
  EXPECT_EQ(::fcntl(event.get(), F_GETFD), FD_CLOEXEC);
}

TEST(SysIoctl, AnAnswer_IsTheValue) {
  UniqueFd file = Open("/proc/self/ns/uts", O_RDONLY).TakeValue();
  EXPECT_EQ(Ioctl(file.get(), NS_GET_NSTYPE, 0, "the kind of a namespace").TakeValue(),
            CLONE_NEWUTS);
}

TEST(SysIoctl, AnArgument_IsFilled) {
  auto pipe = Pipe().TakeValue();
  ASSERT_TRUE(WriteAll(pipe.second.get(), AsBytes("five!")).ok());
  int waiting = 0;
  EXPECT_EQ(Ioctl(pipe.first.get(), FIONREAD, &waiting, "a pipe").TakeValue(), 0);
  EXPECT_EQ(waiting, 5);
}

TEST(SysIoctl, WhatTheDeviceDoesNotKnow_NamesTheAttempt) {
  UniqueFd null = Open("/dev/null", O_RDWR).TakeValue();
  int waiting = 0;
  Error error = Ioctl(null.get(), FIONREAD, &waiting, "/dev/null: what waits").TakeError();
  EXPECT_EQ(error.os_errno(), ENOTTY);
  EXPECT_NE(error.message().find("/dev/null: what waits"), std::string::npos);
}

}  // namespace
}  // namespace boxlite::sys
