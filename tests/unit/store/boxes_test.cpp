#include <gmock/gmock.h>
#include <signal.h>
#include <sys/file.h>

#include "store/store.h"
#include "temp_home.h"

namespace boxlite::store {
namespace {

using BoxesTest = TempHome;

const BoxStates kIdle = {BoxState::kCreated, BoxState::kStopped};

TEST_F(BoxesTest, InsertBox_WithBytesOfAllKinds_ReadsBackTheSame) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  box.env = {"A=\xff\xfe", "", std::string("B=\0x", 4)};
  box.rootfs_path = "/tmp/\xc3\x28";
  box.entrypoint = {"/bin/sh", "-c"};
  box.entrypoint_set = 1;
  box.cmd_set = 1;
  box.labels = {"a=b"};
  box.flags = 0x80000003;
  box.engine_wanted = 2;
  box.isolation_wanted = 1;
  box.cpus = 4;
  box.memory_mib = 2048;
  box.working_dir = "/w";
  box.user = "1000:1000";
  box.reference = "docker.io/library/python:slim";
  box.created_at_ms = 1234567890123;
  ASSERT_TRUE(store->InsertBox(box).ok());
  BoxRecord read = Open()->GetBox(box.id).TakeValue();
  EXPECT_EQ(read.env, box.env);
  EXPECT_EQ(read.rootfs_path, box.rootfs_path);
  EXPECT_EQ(read.entrypoint, box.entrypoint);
  EXPECT_EQ(read.entrypoint_set, 1);
  EXPECT_TRUE(read.cmd.empty());
  EXPECT_EQ(read.cmd_set, 1);
  EXPECT_EQ(read.labels, box.labels);
  EXPECT_EQ(read.flags, 0x80000003);
  EXPECT_EQ(read.engine_wanted, 2);
  EXPECT_EQ(read.isolation_wanted, 1);
  EXPECT_EQ(read.cpus, 4u);
  EXPECT_EQ(read.memory_mib, 2048u);
  EXPECT_EQ(read.working_dir, "/w");
  EXPECT_EQ(read.user, "1000:1000");
  EXPECT_EQ(read.reference, box.reference);
  EXPECT_EQ(read.created_at_ms, box.created_at_ms);
  EXPECT_EQ(read.state, BoxState::kCreated);
  EXPECT_EQ(read.exit_code, kNoExitCode);
}

TEST_F(BoxesTest, InsertBox_WithATakenName_AlreadyExists) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->InsertBox(MakeBox(*store, "one")).ok());
  Result<void> again = Open()->InsertBox(MakeBox(*store, "one"));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Code::kAlreadyExists);
  EXPECT_NE(again.error().message().find("one"), std::string::npos);
}

TEST_F(BoxesTest, InsertBox_WithoutNameTwice_Works) {
  std::unique_ptr<Store> store = Open();
  EXPECT_TRUE(store->InsertBox(MakeBox(*store, "")).ok());
  EXPECT_TRUE(store->InsertBox(MakeBox(*store, "")).ok());
  EXPECT_EQ(store->ListBoxes().TakeValue().size(), 2u);
}

TEST_F(BoxesTest, FindBox_ByNameIdAndBeginning_FindsIt) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  box.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  BoxRecord other = MakeBox(*store, "01AR");
  ASSERT_TRUE(store->InsertBox(box).ok());
  ASSERT_TRUE(store->InsertBox(other).ok());
  EXPECT_EQ(store->FindBox("one").TakeValue().id, box.id);
  EXPECT_EQ(store->FindBox(box.id).TakeValue().id, box.id);
  EXPECT_EQ(store->FindBox("01arz3").TakeValue().id, box.id);
  EXPECT_EQ(store->FindBox("01AR").TakeValue().id, other.id);  // a name goes before an id
}

TEST_F(BoxesTest, FindBox_ByTheIdOfOneThatIsTheNameOfAnother_FindsTheFirst) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  ASSERT_TRUE(store->InsertBox(MakeBox(*store, box.id)).ok());
  ASSERT_TRUE(store->InsertBox(box).ok());
  EXPECT_EQ(store->FindBox(box.id).TakeValue().name, "one");
}

TEST_F(BoxesTest, FindBox_WithABeginningOfTwo_IsAnInvalidArgument) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->InsertBox(MakeBox(*store, "a")).ok());
  ASSERT_TRUE(store->InsertBox(MakeBox(*store, "b")).ok());
  EXPECT_EQ(store->FindBox("0").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store->FindBox("").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store->FindBox("*").error().code(), Code::kNotFound);
  EXPECT_EQ(store->FindBox("x' OR 1=1 --").error().code(), Code::kNotFound);
}

TEST_F(BoxesTest, ListBoxes_OfThree_IsOldestFirst) {
  std::unique_ptr<Store> store = Open();
  for (const char* name : {"c", "a", "b"})
    ASSERT_TRUE(store->InsertBox(MakeBox(*store, name)).ok());
  std::vector<std::string> names;
  for (const BoxRecord& box : store->ListBoxes().TakeValue()) names.push_back(box.name);
  EXPECT_THAT(names, ::testing::ElementsAre("c", "a", "b"));
}

TEST_F(BoxesTest, ChangeBox_FromAnExpectedState_WritesWhatChanged) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  ASSERT_TRUE(store->InsertBox(box).ok());
  Result<BoxRecord> changed = store->ChangeBox(box.id, kIdle, [](BoxRecord& record) {
    record.state = BoxState::kRunning;
    record.process = {42, 43, "boot"};
    record.jail = "seccomp: on\nuser: on";
    record.exit_code = -9;
    record.name = "two";
    record.image = "what was asked for does not change";
  });
  ASSERT_TRUE(changed.ok()) << Explain(changed);
  BoxRecord read = store->GetBox(box.id).TakeValue();
  EXPECT_EQ(read.state, BoxState::kRunning);
  EXPECT_EQ(read.process.pid, 42);
  EXPECT_EQ(read.process.start_time, 43u);
  EXPECT_EQ(read.process.boot_id, "boot");
  EXPECT_EQ(read.jail, "seccomp: on\nuser: on");
  EXPECT_EQ(read.exit_code, -9);
  EXPECT_EQ(read.name, "two");
  EXPECT_EQ(read.image, box.image);
}

TEST_F(BoxesTest, ChangeBox_ToANameThatIsTaken_ChangesNothing) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  ASSERT_TRUE(store->InsertBox(box).ok());
  ASSERT_TRUE(store->InsertBox(MakeBox(*store, "two")).ok());
  auto rename = [](BoxRecord& record) { record.name = "two"; };
  EXPECT_EQ(store->ChangeBox(box.id, {}, rename).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(store->GetBox(box.id).value().name, "one");
}

TEST_F(BoxesTest, ChangeBox_FromAnotherState_ChangesNothing) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  ASSERT_TRUE(store->InsertBox(box).ok());
  Result<BoxRecord> changed = store->ChangeBox(
      box.id, {BoxState::kRunning}, [](BoxRecord& record) { record.state = BoxState::kStopped; });
  EXPECT_EQ(changed.error().code(), Code::kInvalidState);
  EXPECT_NE(changed.error().message().find("created"), std::string::npos);
  EXPECT_EQ(store->GetBox(box.id).TakeValue().state, BoxState::kCreated);
  EXPECT_EQ(store->ChangeBox("none", {}, [](BoxRecord&) {}).error().code(), Code::kNotFound);
}

TEST_F(BoxesTest, ChangeBox_ToAnImageThatIsNotRecorded_IsNotFound) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  ASSERT_TRUE(store->InsertBox(box).ok());
  Result<BoxRecord> changed =
      store->ChangeBox(box.id, {}, [](BoxRecord& record) { record.image_digest = DigestOf('a'); });
  EXPECT_EQ(changed.error().code(), Code::kNotFound);
}

TEST_F(BoxesTest, ChangeBox_InManyProcessesAtOnce_LetsOneHaveIt) {
  BoxRecord box;
  {
    std::unique_ptr<Store> store = Open();
    box = MakeBox(*store, "one");
    ASSERT_TRUE(store->InsertBox(box).ok());
  }
  std::vector<pid_t> pids;
  for (int i = 0; i < 8; ++i) {
    pids.push_back(InProcess([&] {
      Result<BoxRecord> changed = Open()->ChangeBox(
          box.id, kIdle, [](BoxRecord& record) { record.state = BoxState::kStarting; });
      if (changed.ok()) return 1;
      return changed.error().code() == Code::kInvalidState ? 0 : 2;
    }));
  }
  int winners = 0;
  for (pid_t pid : pids) {
    int exit = ExitOf(pid);
    EXPECT_NE(exit, 2);
    winners += exit;
  }
  EXPECT_EQ(winners, 1);
}

TEST_F(BoxesTest, RemoveBox_ThatRuns_IsRefused) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  box.state = BoxState::kRunning;
  ASSERT_TRUE(store->InsertBox(box).ok());
  store->home().CreateBoxDir(box.id).TakeValue();
  EXPECT_EQ(store->RemoveBox(box.id, kIdle).error().code(), Code::kInvalidState);
  EXPECT_TRUE(store->home().OpenBoxDir(box.id).ok());
  EXPECT_TRUE(store->RemoveBox(box.id, {}).ok());
  EXPECT_FALSE(store->home().OpenBoxDir(box.id).ok());
  EXPECT_EQ(store->RemoveBox(box.id, {}).error().code(), Code::kNotFound);
}

TEST_F(BoxesTest, TakeStale_OfABoxWhoseLockIsFree_GivesItOnceWithItsExit) {
  std::unique_ptr<Store> store = Open();
  BoxRecord box = MakeBox(*store, "one");
  box.state = BoxState::kRunning;
  ASSERT_TRUE(store->InsertBox(box).ok());
  UniqueFd dir = store->home().CreateBoxDir(box.id).TakeValue();
  UniqueFd exit = sys::OpenAt(dir.get(), "exit", O_WRONLY | O_CREAT, 0600).TakeValue();
  ASSERT_TRUE(sys::WriteAll(exit.get(), AsBytes("why")).ok());
  std::vector<StaleBox> stale = store->TakeStale().TakeValue();
  ASSERT_EQ(stale.size(), 1u);
  EXPECT_EQ(stale[0].record.id, box.id);
  EXPECT_EQ(stale[0].exit, "why");
  EXPECT_TRUE(Open()->TakeStale().TakeValue().empty()) << "somebody repairs it already";
  stale.clear();
  EXPECT_TRUE(store->TakeStale(box.id).TakeValue().has_value());
}

TEST_F(BoxesTest, TakeStale_OfBoxesThatAreFine_GivesNone) {
  std::unique_ptr<Store> store = Open();
  BoxRecord running = MakeBox(*store, "running");
  running.state = BoxState::kRunning;
  ASSERT_TRUE(store->InsertBox(running).ok());
  ASSERT_TRUE(store->InsertBox(MakeBox(*store, "created")).ok());
  std::optional<UniqueFd> lock = store->home().LockBox(running.id).TakeValue();
  EXPECT_TRUE(store->TakeStale().TakeValue().empty());
  lock.reset();
  EXPECT_EQ(store->TakeStale().TakeValue().size(), 1u);
}

TEST_F(BoxesTest, CollectGarbage_WithLeftovers_TakesThemAndNothingElse) {
  std::unique_ptr<Store> store = Open();
  const Home& home = store->home();
  BoxRecord kept = MakeBox(*store, "kept");
  BoxRecord ended = MakeBox(*store, "ended");
  ended.state = BoxState::kStopped;
  ended.flags = kBoxAutoRemove;
  ASSERT_TRUE(store->InsertBox(kept).ok());
  ASSERT_TRUE(store->InsertBox(ended).ok());
  std::string orphan = store->NewId().TakeValue();
  std::string living = store->NewId().TakeValue();
  for (const std::string& id : {kept.id, ended.id, orphan}) home.CreateBoxDir(id).TakeValue();
  std::optional<UniqueFd> lock = home.LockBox(living).TakeValue();
  ASSERT_TRUE(store->CollectGarbage().ok());
  EXPECT_TRUE(home.OpenBoxDir(kept.id).ok());
  EXPECT_FALSE(home.OpenBoxDir(ended.id).ok());
  EXPECT_FALSE(home.OpenBoxDir(orphan).ok());
  EXPECT_TRUE(home.OpenBoxDir(living).ok()) << "its boxlite-vm lives";
  EXPECT_EQ(store->ListBoxes().TakeValue().size(), 1u);
}

// A process changes and inserts for ever and is killed; what it leaves must be whole.
TEST_F(BoxesTest, Store_WhenItsProcessIsKilled_LeavesOldOrNewState) {
  std::string id;
  {
    std::unique_ptr<Store> store = Open();
    BoxRecord box = MakeBox(*store, "one");
    ASSERT_TRUE(store->InsertBox(box).ok());
    id = box.id;
  }
  for (int round = 0; round < 10; ++round) {
    auto [mine, its] = sys::Pipe().TakeValue();
    int its_raw = its.get();
    pid_t pid = InProcess([&] {
      std::unique_ptr<Store> store = Open();
      for (int64_t i = 1;; ++i) {
        bool ok = store
                      ->ChangeBox(id, {},
                                  [&](BoxRecord& record) {
                                    record.started_at_ms = i;
                                    record.stopped_at_ms = i;
                                    record.engine_reason = std::string(20000, 'r');
                                  })
                      .ok();
        ok = ok && store->InsertBox(MakeBox(*store, "")).ok();
        if (!ok || ::write(its_raw, "x", 1) != 1) return 1;
      }
    });
    its.Reset();
    char seen[16];
    for (int i = 0; i < 2 + round % 3; ++i) ASSERT_EQ(::read(mine.get(), seen, 1), 1);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    EXPECT_EQ(ExitOf(pid), -SIGKILL);
    std::unique_ptr<Store> store = Open();
    BoxRecord box = store->GetBox(id).TakeValue();
    EXPECT_EQ(box.started_at_ms, box.stopped_at_ms);
    EXPECT_GT(box.started_at_ms, 0);
    Result<std::vector<BoxRecord>> all = store->ListBoxes();
    EXPECT_TRUE(all.ok()) << Explain(all);
    EXPECT_TRUE(store->ChangeBox(id, {}, [](BoxRecord&) {}).ok()) << "no lock is left";
  }
}

}  // namespace
}  // namespace boxlite::store
