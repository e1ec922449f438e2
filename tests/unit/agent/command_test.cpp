#include "guest-agent/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace boxlite::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Command> Make(std::vector<std::string> argv, std::vector<std::string> env) {
  proto::Exec request;
  request.argv = std::move(argv);
  request.env = std::move(env);
  Identity identity;
  identity.home = "/home/user";
  return MakeCommand(request, identity);
}

TEST(MakeCommand, NameWithoutSlash_IsSearchedInThePathOfTheRequest) {
  Command command = Make({"ls", "-l"}, {"PATH=/a:/b::c"}).TakeValue();
  EXPECT_THAT(command.candidates, ElementsAre("/a/ls", "/b/ls", "./ls", "c/ls"));
  EXPECT_EQ(command.path, "/a:/b::c");
  EXPECT_THAT(command.argv, ElementsAre("ls", "-l"));
}

TEST(MakeCommand, NameWithSlash_IsNotSearched) {
  Command command = Make({"./ls"}, {"PATH=/a"}).TakeValue();
  EXPECT_THAT(command.candidates, ElementsAre("./ls"));
  EXPECT_EQ(command.path, "");
}

TEST(MakeCommand, NoPath_SearchesTheUsualDirectories) {
  EXPECT_EQ(Make({"ls"}, {}).TakeValue().path, kDefaultPath);
}

TEST(MakeCommand, Home_IsAddedOnlyWhereItIsMissing) {
  EXPECT_THAT(Make({"ls"}, {"A=b"}).TakeValue().env, ElementsAre("A=b", "HOME=/home/user"));
  EXPECT_THAT(Make({"ls"}, {"HOME=/x"}).TakeValue().env, ElementsAre("HOME=/x"));
}

TEST(MakeCommand, WhatCannotBePassed_IsRefused) {
  for (const auto& refused : {Make({}, {}), Make({""}, {}), Make({std::string("a\0b", 3)}, {}),
                              Make({"ls"}, {"no-equals"}), Make({"ls"}, {"=value"}),
                              Make({"ls"}, {std::string("A=\0", 3)})}) {
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  }
  EXPECT_THAT(Make({"ls", std::string("\0", 1)}, {}).error().message(), HasSubstr("argv[1]"));
}

TEST(Pointers, EndWithNull) {
  std::vector<std::string> strings = {"a", "b"};
  EXPECT_THAT(Pointers(strings), ElementsAre(strings[0].data(), strings[1].data(), nullptr));
}

}  // namespace
}  // namespace boxlite::agent
