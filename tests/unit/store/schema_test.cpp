#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/sys_files.h"
#include "store/database.h"
#include "store/store.h"
#include "temp_home.h"

namespace boxlite::store {
namespace {

class SchemaTest : public TempHome {
 protected:
  std::string file() const { return path() + "/db/boxlite.db"; }
  void Overwrite(ByteSpan bytes, uint64_t at) {
    UniqueFd fd = sys::Open(file(), O_WRONLY).TakeValue();
    ASSERT_TRUE(sys::WriteAllAt(fd.get(), bytes, at).ok());
  }
};

TEST_F(SchemaTest, Open_OfANewHome_LeavesOneFileAndItsLog) {
  std::unique_ptr<Store> store = Open();
  EXPECT_EQ(store->home().path(), path());
  for (const std::string& name : sys::ListDir(store->home().db()).TakeValue())
    EXPECT_EQ(name.rfind("boxlite.db", 0), 0u) << name;
}

TEST_F(SchemaTest, Open_InManyProcessesAtOnce_WorksInAll) {
  std::vector<pid_t> pids;
  for (int i = 0; i < 8; ++i) {
    pids.push_back(InProcess([&] {
      Result<std::unique_ptr<Store>> store = Store::Open(path());
      if (!store.ok()) return 1;
      return store.value()->InsertBox(MakeBox(*store.value(), "")).ok() ? 0 : 2;
    }));
  }
  for (pid_t pid : pids) EXPECT_EQ(ExitOf(pid), 0);
  EXPECT_EQ(Open()->ListBoxes().TakeValue().size(), 8u);
}

TEST_F(SchemaTest, Open_OfAFileThatIsNoDatabase_IsADatabaseErrorThatNamesIt) {
  Open();
  Overwrite(AsBytes("this is certainly no database"), 0);
  Result<std::unique_ptr<Store>> store = Store::Open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code(), Code::kDatabase);
  EXPECT_NE(store.error().message().find(file()), std::string::npos) << store.error().message();
  EXPECT_FALSE(store.error().hint().empty());
}

TEST_F(SchemaTest, ListBoxes_OfADamagedDatabase_IsADatabaseErrorThatNamesIt) {
  {
    std::unique_ptr<Store> store = Open();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->InsertBox(MakeBox(*store, "")).ok());
  }
  auto size = static_cast<size_t>(sys::StatAt(AT_FDCWD, file()).TakeValue().st_size);
  Bytes garbage(size - 4096, 0xa5);
  Overwrite(garbage, 4096);
  Result<std::unique_ptr<Store>> store = Store::Open(path());
  ASSERT_TRUE(store.ok()) << Explain(store);
  Result<std::vector<BoxRecord>> boxes = store.value()->ListBoxes();
  ASSERT_FALSE(boxes.ok());
  EXPECT_EQ(boxes.error().code(), Code::kDatabase);
  EXPECT_NE(boxes.error().message().find(file()), std::string::npos);
}

TEST_F(SchemaTest, Open_OfANewerDatabase_IsADatabaseError) {
  Open();
  {
    auto database = Database::Open(file(), Database::Mode::kExisting, 0).TakeValue();
    ASSERT_TRUE(database->Execute("PRAGMA user_version=1000").ok());
  }
  Result<std::unique_ptr<Store>> store = Store::Open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code(), Code::kDatabase);
  EXPECT_NE(store.error().message().find("newer"), std::string::npos);
}

TEST_F(SchemaTest, Open_OfAnotherProgramsDatabase_IsADatabaseErrorAndLeavesIt) {
  Open();
  sys::Open(file(), O_WRONLY | O_TRUNC).TakeValue();
  {
    auto database = Database::Open(file(), Database::Mode::kExisting, 0).TakeValue();
    ASSERT_TRUE(database->Execute("PRAGMA application_id=7; CREATE TABLE t (x)").ok());
  }
  EXPECT_EQ(Store::Open(path()).error().code(), Code::kDatabase);
}

TEST_F(SchemaTest, InsertBox_WhileAnotherHoldsTheDatabase_IsBusyInTheEnd) {
  Store::Options options;
  options.busy_timeout_ms = 20;
  std::unique_ptr<Store> store = Store::Open(path(), options).TakeValue();
  auto other = Database::Open(file(), Database::Mode::kExisting, 0).TakeValue();
  Transaction held = Transaction::Begin(*other).TakeValue();
  Result<void> inserted = store->InsertBox(MakeBox(*store, "one"));
  EXPECT_EQ(inserted.error().code(), Code::kBusy);
  EXPECT_TRUE(store->ListBoxes().ok()) << "readers do not wait for a writer";
}

TEST_F(SchemaTest, CollectGarbage_WithAnOldDraft_TakesIt) {
  std::unique_ptr<Store> store = Open();
  for (const char* name : {"new-old", "new-young"})
    sys::OpenAt(store->home().db(), name, O_WRONLY | O_CREAT, 0600).TakeValue();
  timespec old[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(store->home().db(), "new-old", old, 0), 0);
  ASSERT_TRUE(store->CollectGarbage().ok());
  EXPECT_FALSE(sys::StatAt(store->home().db(), "new-old").ok());
  EXPECT_TRUE(sys::StatAt(store->home().db(), "new-young").ok());
}

TEST(List, DecodeList_OfWhatEncodeListMade_IsTheSame) {
  std::vector<std::string> list = {"", "a", std::string("\0\xff", 2), std::string(70000, 'x')};
  EXPECT_EQ(DecodeList(EncodeList(list)).TakeValue(), list);
  EXPECT_TRUE(DecodeList({}).TakeValue().empty());
}

TEST(List, DecodeList_OfATornList_IsADatabaseError) {
  Bytes bytes = EncodeList({"abc"});
  bytes.pop_back();
  EXPECT_EQ(DecodeList(bytes).error().code(), Code::kDatabase);
  EXPECT_EQ(DecodeList(Bytes{1, 0}).error().code(), Code::kDatabase);
}

}  // namespace
}  // namespace boxlite::store
