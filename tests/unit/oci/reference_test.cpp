#include "oci/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/platform.h"
#include "oci/registry.h"

namespace boxlite::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Hex(char c) {
  return std::string(64, c);
}

std::string Canonical(std::string_view text) {
  Result<Reference> reference = ParseReference(text);
  return reference.ok() ? reference.value().Canonical() : "error: " + reference.error().message();
}

TEST(Reference, ShortNames_GetDefaults) {
  EXPECT_EQ(Canonical("python"), "docker.io/library/python:latest");
  EXPECT_EQ(Canonical("python:slim"), "docker.io/library/python:slim");
  EXPECT_EQ(Canonical("user/tool"), "docker.io/user/tool:latest");
  EXPECT_EQ(Canonical("docker.io/python"), "docker.io/library/python:latest");
  EXPECT_EQ(Canonical("index.docker.io/a/b:1"), "docker.io/a/b:1");
}

TEST(Reference, Hosts_AreRecognized) {
  EXPECT_EQ(Canonical("localhost/a"), "localhost/a:latest");
  EXPECT_EQ(Canonical("localhost:5000/a/b:x"), "localhost:5000/a/b:x");
  EXPECT_EQ(Canonical("127.0.0.1:5000/python:slim"), "127.0.0.1:5000/python:slim");
  EXPECT_EQ(Canonical("[::1]:5000/a"), "[::1]:5000/a:latest");
  EXPECT_EQ(Canonical("Host/a"), "Host/a:latest");
  EXPECT_EQ(Canonical("ghcr.io/x/y@sha256:" + Hex('a')), "ghcr.io/x/y@sha256:" + Hex('a'));
  EXPECT_EQ(Canonical("ghcr.io/x/y:1@sha256:" + Hex('0')), "ghcr.io/x/y:1@sha256:" + Hex('0'));
}

TEST(Reference, Separators_FollowTheGrammar) {
  EXPECT_EQ(Canonical("a.b_c__d---e"), "docker.io/library/a.b_c__d---e:latest");
  for (const char* bad : {"a..b", "a___b", "-a", "a-", "a._b", "a/", "/a", "a//b", "a b", "a:b:c",
                          "a/_b", ":tag", "@sha256:", "a@", "host.com/", "a:"})
    EXPECT_THAT(Canonical(bad), HasSubstr("error: ")) << bad;
}

TEST(Reference, BadNames_SayWhy) {
  EXPECT_THAT(Canonical(""), HasSubstr("is empty"));
  EXPECT_THAT(Canonical("Python"), HasSubstr("upper-case"));
  EXPECT_THAT(Canonical("docker.io/Python"), HasSubstr("upper-case"));
  EXPECT_THAT(Canonical("-x.com/a"), HasSubstr("host"));
  EXPECT_THAT(Canonical("a.com:123456/a"), HasSubstr("host"));
  EXPECT_THAT(Canonical("a:" + std::string(129, 't')), HasSubstr("tag"));
  EXPECT_THAT(Canonical("a:.t"), HasSubstr("tag"));
  EXPECT_THAT(Canonical(std::string(256, 'a')), HasSubstr("longer than 255"));
  EXPECT_THAT(Canonical(Hex('a')), HasSubstr("identifier"));
  EXPECT_THAT(Canonical("a@sha256:" + Hex('A')), HasSubstr("lower-case hexadecimal"));
  EXPECT_EQ(ParseReference("a@sha512:" + Hex('a') + Hex('a')).error().code(), Code::kUnsupported);
  EXPECT_EQ(ParseReference("A").error().code(), Code::kInvalidArgument);
}

TEST(Reference, LimitsThemselves_AreFine) {
  EXPECT_TRUE(ParseReference("a:" + std::string(128, 't')).ok());
  EXPECT_TRUE(ParseReference("x.io/" + std::string(250, 'a')).ok());
}

std::vector<std::string> Urls(std::string_view text, const std::vector<std::string>& entries) {
  std::vector<Registry> registries;
  registries.reserve(entries.size());
  for (const std::string& entry : entries) registries.push_back(ParseRegistry(entry).TakeValue());
  std::vector<std::string> urls;
  for (const Location& location : Locations(ParseReference(text).TakeValue(), registries))
    urls.push_back(location.Url());
  return urls;
}

TEST(Locations, NameWithoutHost_IsSearchedInOrder) {
  EXPECT_THAT(Urls("python", {"http://127.0.0.1:5000", "mirror.example/cache/"}),
              ElementsAre("http://127.0.0.1:5000/python", "http://127.0.0.1:5000/library/python",
                          "https://mirror.example/cache/python",
                          "https://mirror.example/cache/library/python",
                          "https://registry-1.docker.io/library/python"));
  EXPECT_THAT(Urls("a/b", {"http://r"}),
              ElementsAre("http://r/a/b", "https://registry-1.docker.io/a/b"));
  EXPECT_THAT(Urls("python", {}), ElementsAre("https://registry-1.docker.io/library/python"));
}

TEST(Locations, NameWithHost_IsLookedForThereAlone) {
  EXPECT_THAT(Urls("127.0.0.1:5000/a", {"http://127.0.0.1:5000", "http://other"}),
              ElementsAre("http://127.0.0.1:5000/a"));
  EXPECT_THAT(Urls("127.0.0.1:5001/a", {"http://127.0.0.1:5000"}),
              ElementsAre("https://127.0.0.1:5001/a"));
  EXPECT_THAT(Urls("docker.io/python", {"http://other"}),
              ElementsAre("https://registry-1.docker.io/library/python"));
}

TEST(Registry, BadEntries_AreRefused) {
  for (const char* bad : {"", "http://", "ftp://x", "http://a b", "x/Y", "http://x//y", "user@x"})
    EXPECT_FALSE(ParseRegistry(bad).ok()) << bad;
}

TEST(Digest, OnlySha256_IsTaken) {
  EXPECT_EQ(Digest::Parse("sha256:" + Hex('f')).TakeValue().hex(), Hex('f'));
  for (const std::string& bad : {Hex('f'), "sha256:" + Hex('g'), "sha256:" + Hex('f') + "f",
                                 "sha256:../" + Hex('f').substr(3)})
    EXPECT_EQ(Digest::Parse(bad).error().code(), Code::kInvalidArgument) << bad;
}

TEST(Platform, Match_KnowsOtherNamesAndVariants) {
  Platform wanted;
  EXPECT_TRUE(Matches(wanted, {"linux", "amd64", ""}));
  EXPECT_TRUE(Matches(wanted, {"linux", "x86_64", ""}));
  EXPECT_TRUE(Matches(wanted, {"linux", "amd64", "v1"}));
  EXPECT_FALSE(Matches(wanted, {"linux", "amd64", "v3"}));
  EXPECT_FALSE(Matches(wanted, {"linux", "arm64", "v8"}));
  EXPECT_FALSE(Matches(wanted, {"windows", "amd64", ""}));
  EXPECT_TRUE(Matches({"linux", "arm64", ""}, {"linux", "arm64", "v8"}));
}

}  // namespace
}  // namespace boxlite::oci
