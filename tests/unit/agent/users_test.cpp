#include "guest-agent/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace boxlite::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "\n"
    "# comment\n"
    "broken:x:twelve:0::/:\n"
    "user:x:1000:100:A User:/home/user:/bin/sh\n"
    "1001:x:2000:2000::/home/digits:/bin/sh\n"
    "short:x:7:8\n"
    "last:x:9:9::/last";
constexpr char kGroup[] =
    "root:x:0:\n"
    "users:x:100:\n"
    "staff:x:50:other,user\n"
    "wheel:x:10:user\n"
    "similar:x:11:users,use,,userr\n";

Identity Resolve(std::string_view wanted) {
  return ResolveUser(wanted, kPasswd, kGroup).TakeValue();
}

TEST(ResolveUser, Name_BringsGroupHomeAndSupplementaryGroups) {
  Identity user = Resolve("user");
  EXPECT_EQ(user.uid, 1000u);
  EXPECT_EQ(user.gid, 100u);
  EXPECT_EQ(user.home, "/home/user");
  EXPECT_THAT(user.groups, ElementsAre(50, 10));
}

TEST(ResolveUser, NumberThatPasswdKnows_IsThatUser) {
  Identity user = Resolve("1000");
  EXPECT_EQ(user.gid, 100u);
  EXPECT_EQ(user.home, "/home/user");
  EXPECT_THAT(user.groups, ElementsAre(50, 10));
}

TEST(ResolveUser, UnknownNumber_HasGroupZeroAndNoHome) {
  Identity user = Resolve("4321");
  EXPECT_EQ(user.uid, 4321u);
  EXPECT_EQ(user.gid, 0u);
  EXPECT_EQ(user.home, "/");
  EXPECT_THAT(user.groups, IsEmpty());
}

TEST(ResolveUser, NameOfDigits_WinsOverTheNumber) {
  EXPECT_EQ(Resolve("1001").uid, 2000u);
}

TEST(ResolveUser, Group_ReplacesAllGroups) {
  Identity user = Resolve("user:staff");
  EXPECT_EQ(user.gid, 50u);
  EXPECT_THAT(user.groups, IsEmpty());
  EXPECT_EQ(Resolve("user:77").gid, 77u);
  EXPECT_EQ(Resolve("0:10").gid, 10u);
}

TEST(ResolveUser, Nothing_IsRoot) {
  EXPECT_EQ(Resolve("").uid, 0u);
  EXPECT_EQ(Resolve("").home, "/root");
  Identity bare = ResolveUser("", "", "").TakeValue();
  EXPECT_EQ(bare.uid, 0u);
  EXPECT_EQ(bare.home, "/root");
}

TEST(ResolveUser, ShortAndUnfinishedLines_AreRead) {
  EXPECT_EQ(Resolve("short").gid, 8u);
  EXPECT_EQ(Resolve("short").home, "/");
  EXPECT_EQ(Resolve("last").home, "/last");
}

TEST(ResolveUser, WhatIsUnknown_IsRefusedByName) {
  for (const char* wanted : {"nobody", "broken", "user:nogroup", "user:", "-1", "4294967295",
                             "4294967296", " user", "user ", "0x10"}) {
    auto refused = ResolveUser(wanted, kPasswd, kGroup);
    ASSERT_FALSE(refused.ok()) << wanted;
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument) << wanted;
  }
  EXPECT_THAT(ResolveUser("nobody", kPasswd, kGroup).error().message(), HasSubstr("\"nobody\""));
  EXPECT_THAT(ResolveUser("user:nogroup", kPasswd, kGroup).error().message(),
              HasSubstr("/etc/group"));
}

}  // namespace
}  // namespace boxlite::agent
