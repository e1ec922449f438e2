#include "image/challenge.h"

#include <gtest/gtest.h>

namespace boxlite::image {
namespace {

TEST(Challenge, Bearer_WithQuotedParameters_KeepsCommasInThem) {
  auto challenges = ParseChallenges(
      "Bearer realm=\"https://a/token\",service=\"a\",scope=\"repository:x:pull,push\"");
  ASSERT_EQ(challenges.size(), 1u);
  EXPECT_EQ(challenges[0].scheme, "bearer");
  EXPECT_EQ(challenges[0].Value("realm"), "https://a/token");
  EXPECT_EQ(challenges[0].Value("scope"), "repository:x:pull,push");
  EXPECT_EQ(challenges[0].Value("error"), "");
}

TEST(Challenge, Several_InOneHeader_AreTakenApart) {
  auto challenges = ParseChallenges(
      "Negotiate YII/abc==, Basic realm=\"a\\\"b, c\", NTLM , bearer Realm = plain");
  ASSERT_EQ(challenges.size(), 4u);
  EXPECT_EQ(challenges[0].scheme, "negotiate");
  EXPECT_TRUE(challenges[0].parameters.empty());
  EXPECT_EQ(challenges[1].Value("realm"), "a\"b, c");
  EXPECT_EQ(challenges[2].scheme, "ntlm");
  const Challenge* bearer = FindChallenge(challenges, "bearer");
  ASSERT_NE(bearer, nullptr);
  EXPECT_EQ(bearer->Value("realm"), "plain");
  EXPECT_EQ(FindChallenge(challenges, "digest"), nullptr);
}

TEST(Challenge, Broken_EndsTheReading) {
  auto challenges = ParseChallenges("Basic realm=\"a\", Bearer realm=\"never ends");
  ASSERT_EQ(challenges.size(), 2u);
  EXPECT_EQ(challenges[0].Value("realm"), "a");
  EXPECT_EQ(challenges[1].Value("realm"), "");
  EXPECT_TRUE(ParseChallenges("").empty());
  EXPECT_TRUE(ParseChallenges("\"quoted\"").empty());
}

TEST(Challenge, BeyondTheBounds_IsNotRead) {
  std::string schemes;
  for (int i = 0; i < 100; ++i) schemes += "Basic realm=x, ";
  EXPECT_EQ(ParseChallenges(schemes).size(), kMaxChallenges);
  std::string parameters = "Basic ";
  for (int i = 0; i < 100; ++i) parameters += "p=x, ";
  ASSERT_EQ(ParseChallenges(parameters).size(), 1u);
  EXPECT_EQ(ParseChallenges(parameters)[0].parameters.size(), kMaxChallengeParameters);
  std::string late(kMaxChallengeHeader, ',');
  EXPECT_TRUE(ParseChallenges(late + "Basic realm=x").empty());
}

}  // namespace
}  // namespace boxlite::image
