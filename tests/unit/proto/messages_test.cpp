#include "proto/messages.h"

#include <gtest/gtest.h>

#include "proto/window.h"

namespace boxlite::proto {
namespace {

TEST(Messages, ExecRoundTrip_KeepsEveryField) {
  Exec exec;
  exec.window = 1 << 20;
  exec.argv = {"sh", "-c", std::string("\xff\x00x", 3)};
  exec.env = {"A=1", ""};
  exec.cwd = "/tmp";
  exec.user = "1000:100";
  exec.flags = kExecTty | kExecStdin;
  exec.rows = 40;
  exec.columns = 120;
  exec.timeout_ms = 1ull << 40;
  exec.limits = {{7, 1024}, {1, UINT64_MAX}};
  auto back = Decode<Exec>(Encode(exec));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back.value().argv, exec.argv);
  EXPECT_EQ(back.value().env, exec.env);
  EXPECT_EQ(back.value().user, exec.user);
  EXPECT_EQ(back.value().flags, exec.flags);
  EXPECT_EQ(back.value().columns, 120);
  EXPECT_EQ(back.value().timeout_ms, exec.timeout_ms);
  ASSERT_EQ(back.value().limits.size(), 2u);
  EXPECT_EQ(back.value().limits[1].value, UINT64_MAX);
}

TEST(Messages, UnknownTag_IsSkipped) {
  Bytes wire = Encode(Stop{Op::kStop, 1500});
  internal::AppendField(wire, 999, AsBytes("from the future"));
  auto stop = Decode<Stop>(wire);
  ASSERT_TRUE(stop.ok());
  EXPECT_EQ(stop.value().timeout_ms, 1500u);
}

TEST(Messages, ScalarTwiceWrongWidthOrCutOff_IsAnError) {
  Bytes twice = Encode(Stop{});
  internal::AppendField(twice, 16, Bytes{1, 0, 0, 0});
  EXPECT_FALSE(Decode<Stop>(twice).ok());
  Bytes narrow;
  internal::AppendField(narrow, 16, Bytes{1});
  EXPECT_FALSE(Decode<Stop>(narrow).ok());
  Bytes cut = Encode(Stop{});
  cut.pop_back();
  EXPECT_FALSE(Decode<Stop>(cut).ok());
}

TEST(Messages, ErrorRecord_CarriesCodeMessageHintErrno) {
  Error error = Error(Code::kExecution, "no such command", "install it").WithErrno(2);
  auto back = FromRecord(ToRecord(error));
  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code(), Code::kExecution);
  EXPECT_EQ(back.error().message(), "no such command");
  EXPECT_EQ(back.error().hint(), "install it");
  EXPECT_EQ(back.error().os_errno(), 2);
}

TEST(Messages, DisjointVersions_AreUnsupported) {
  Hello old_peer;
  old_peer.version_min = old_peer.version_max = 9;
  EXPECT_EQ(NegotiateVersion(Hello{}, old_peer).error().code(), Code::kUnsupported);
  EXPECT_EQ(NegotiateVersion(Hello{}, Hello{}).value(), kVersionMax);
}

TEST(Window, DataBeyondTheGrant_IsAnError) {
  ReceiveWindow window(10);
  EXPECT_TRUE(window.Receive(10).ok());
  EXPECT_FALSE(window.Receive(1).ok());
  EXPECT_EQ(window.Consume(10), 10u);
  EXPECT_TRUE(window.Receive(10).ok());
}

TEST(Window, GrantWithoutBound_IsAnError) {
  SendWindow window(0);
  EXPECT_TRUE(window.Grant(kMaxWindow).ok());
  EXPECT_FALSE(window.Grant(1).ok());
}

}  // namespace
}  // namespace boxlite::proto
