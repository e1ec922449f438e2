#include "box/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box/fork_guard.h"

namespace boxlite::box {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Texts = std::vector<std::string>;

store::ImageRecord TestImage() {
  store::ImageRecord image;
  image.env = {"PATH=/image/bin", "LANG=C", "LEVEL=image"};
  image.entrypoint = {"/entry"};
  image.cmd = {"serve", "-p"};
  image.working_dir = "/srv";
  image.user = "daemon";
  return image;
}

// Why a box with one field set so is refused; empty where it is not.
template <typename Field, typename Value>
std::string RefusalOf(Field BoxOptions::*field, Value value) {
  BoxOptions options;
  options.*field = value;
  auto record = MakeBoxRecord(options, proto::Engine::kAuto);
  return record.ok() ? "" : record.error().message();
}

TEST(BoxOptions, Defaults_AreThoseOfTheHeader) {
  auto record = MakeBoxRecord({}, proto::Engine::kQemu).TakeValue();
  EXPECT_EQ(record.image, "python:slim");
  EXPECT_EQ(record.reference, "docker.io/library/python:slim");
  EXPECT_EQ(record.cpus, 1U);
  EXPECT_EQ(record.memory_mib, 512U);
  EXPECT_EQ(record.engine_wanted, static_cast<uint8_t>(proto::Engine::kQemu));
}

TEST(BoxOptions, BadFields_AreNamed) {
  EXPECT_THAT(RefusalOf(&BoxOptions::name, "-dash"), HasSubstr("name"));
  EXPECT_THAT(RefusalOf(&BoxOptions::name, std::string(64, 'a')), HasSubstr("name"));
  EXPECT_EQ(RefusalOf(&BoxOptions::name, std::string(63, 'a')), "");
  EXPECT_THAT(RefusalOf(&BoxOptions::memory_mib, 127), HasSubstr("memory_mib"));
  EXPECT_THAT(RefusalOf(&BoxOptions::env, Texts{"=x"}), HasSubstr("env"));
  EXPECT_THAT(RefusalOf(&BoxOptions::labels, Texts{"x"}), HasSubstr("labels"));
  EXPECT_THAT(RefusalOf(&BoxOptions::rootfs_path, "/nonexistent/layout"),
              HasSubstr("/nonexistent/layout"));
  EXPECT_THAT(RefusalOf(&BoxOptions::flags, 1U << 20), HasSubstr("flags"));
}

TEST(ExecRequest, Environment_IsLayeredAndHasAPath) {
  store::BoxRecord box;
  box.env = {"LEVEL=box", "BOX=1"};
  ExecOptions options;
  options.argv = {"env"};
  options.env = {"LEVEL=exec"};
  auto request = MakeExecRequest(options, box, TestImage()).TakeValue();
  EXPECT_THAT(request.env, ElementsAre("PATH=/image/bin", "LANG=C", "LEVEL=exec", "BOX=1"));
  auto bare = MakeExecRequest(options, box, store::ImageRecord()).TakeValue();
  EXPECT_THAT(bare.env, Contains(HasSubstr("PATH=/usr/local/sbin:")));
}

TEST(ExecRequest, DirectoryAndUser_TheNearestOneCounts) {
  store::BoxRecord box;
  ExecOptions options;
  options.argv = {"pwd"};
  store::ImageRecord image = TestImage();
  EXPECT_EQ(MakeExecRequest(options, box, image).TakeValue().cwd, "/srv");
  EXPECT_EQ(MakeExecRequest(options, box, image).TakeValue().user, "daemon");
  image.working_dir = "/";
  EXPECT_EQ(MakeExecRequest(options, box, image).TakeValue().cwd, "");  // the agent's choice
  box.working_dir = "/box";
  box.user = "1:1";
  EXPECT_EQ(MakeExecRequest(options, box, image).TakeValue().cwd, "/box");
  EXPECT_EQ(MakeExecRequest(options, box, image).TakeValue().user, "1:1");
  options.cwd = "/";
  options.user = "0";
  EXPECT_EQ(MakeExecRequest(options, box, image).TakeValue().cwd, "/");
  EXPECT_EQ(MakeExecRequest(options, box, image).TakeValue().user, "0");
}

TEST(ExecRequest, Entrypoint_IsUsedOnlyWhereAskedFor) {
  store::BoxRecord box;
  auto command = [&](Texts argv, uint32_t flags) {
    ExecOptions options;
    options.argv = std::move(argv);
    options.flags = flags;
    return MakeExecRequest(options, box, TestImage()).TakeValue().argv;
  };
  EXPECT_THAT(command({"ls"}, 0), ElementsAre("ls"));
  EXPECT_THAT(command({}, kExecEntrypoint), ElementsAre("/entry", "serve", "-p"));
  EXPECT_THAT(command({"ls"}, kExecEntrypoint), ElementsAre("/entry", "ls"));
  box.flags = store::kBoxNoEntrypoint;
  EXPECT_THAT(command({}, kExecEntrypoint), ElementsAre("serve", "-p"));
  box.flags = 0;
  box.entrypoint = {"/mine"};
  box.entrypoint_set = 1;
  EXPECT_THAT(command({}, kExecEntrypoint), ElementsAre("/mine"));
  box.cmd = {"own"};
  box.cmd_set = 1;
  EXPECT_THAT(command({}, kExecEntrypoint), ElementsAre("/mine", "own"));
}

TEST(ExecRequest, NoCommandAtAll_IsRefused) {
  ExecOptions options;
  options.flags = kExecEntrypoint;
  auto request = MakeExecRequest(options, store::BoxRecord(), store::ImageRecord());
  EXPECT_EQ(request.error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(CheckExecOptions(ExecOptions()).ok());
}

TEST(ForkGuard, Child_IsKnownAsOne) {
  auto guard = ForkGuard::Create().TakeValue();
  EXPECT_FALSE(guard->InForkedChild());
  pid_t child = ::fork();
  if (child == 0) ::_exit(guard->InForkedChild() ? 7 : 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace boxlite::box
