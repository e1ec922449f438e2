// Jobs where boxlite-image misbehaves or is in somebody else's hands: the test plays the other
// side on the job's socket. What the true program does is in tests/image_jobs.
#include "images/job.h"

#include <gtest/gtest.h>

#include "base/sys.h"
#include "base/sys_files.h"
#include "base/sys_socket.h"
#include "helper/unix_socket.h"
#include "images/disk_file.h"
#include "proto/frame.h"
#include "proto/messages.h"
#include "thread_executor.h"

namespace boxlite::images {
namespace {

class JobTest : public ImagesFixture {
 protected:
  void TearDown() override {
    listener_.reset();
    ImagesFixture::TearDown();
  }
  JobHost Host() {
    return {*loop_, home(), *executor_, log_, program_, std::make_shared<Reaper>(*loop_)};
  }
  JobSpec DiskSpec() {
    JobSpec spec;
    spec.key = "job";
    spec.what = "test the job";
    proto::Blank blank;
    spec.request = proto::Encode(blank);
    spec.output = Output::kFile;
    spec.target_dir = home().rootfs();
    spec.target = "a.ext4";
    return spec;
  }
  std::shared_ptr<const JobSpec> BlobsSpec() {
    JobSpec spec = DiskSpec();
    spec.output = Output::kBlobs;
    return std::make_shared<const JobSpec>(std::move(spec));
  }
  // Takes the job's lock, as the process that started boxlite-image has.
  void HoldLock() {
    ASSERT_TRUE(sys::MakeDirAt(home().jobs(), "job", 0700).ok());
    dir_ = sys::OpenAt(home().jobs(), "job", O_RDONLY | O_DIRECTORY).TakeValue();
    lock_ = sys::OpenAt(dir_.get(), "lock", O_RDWR | O_CREAT, 0600).TakeValue();
    ASSERT_TRUE(sys::LockExclusive(lock_.get(), sys::LockWait::kNo).TakeValue());
  }
  void WriteOut(const std::string& text) {
    ASSERT_TRUE(sys::UnlinkAt(dir_.get(), "out").ok());
    UniqueFd out = sys::OpenAt(dir_.get(), "out", O_WRONLY | O_CREAT | O_EXCL, 0600).TakeValue();
    ASSERT_TRUE(sys::WriteAll(out.get(), AsBytes(text)).ok());
  }
  // Answers each connection with what `answer` says for its number, and closes it.
  void Serve(const std::function<Bytes(int)>& answer) {
    UniqueFd socket = helper::ListenAt(dir_.get(), "sock.new").TakeValue();
    ASSERT_TRUE(sys::RenameAt(dir_.get(), "sock.new", dir_.get(), "sock").ok());
    listener_ = loop::Listener::Create(*loop_, std::move(socket), [this, answer](UniqueFd peer) {
                  // Nothing of what it says is read: a close would then be a reset and could
                  // overtake the answer, so the connection is kept half open.
                  Bytes bytes = answer(++connections_);
                  // It may have gone meanwhile.
                  auto sent = sys::SendSome(peer.get(), bytes);
                  EXPECT_TRUE(!sent.ok() || sent.value() == bytes.size());
                  ::shutdown(peer.get(), SHUT_WR);
                  peers_.push_back(std::move(peer));
                }).TakeValue();
  }
  static Bytes OnlyHello() {
    proto::Hello hello;
    hello.role = proto::Role::kImage;
    Bytes bytes;
    proto::AppendFrame(bytes, proto::Kind::kHello, 0, proto::Encode(hello));
    return bytes;
  }
  static Bytes HelloAnd(proto::Kind kind, ByteSpan payload) {
    Bytes bytes = OnlyHello();
    proto::AppendFrame(bytes, proto::Kind::kAccept, 1, proto::Encode(proto::Accepted()));
    proto::AppendFrame(bytes, kind, 1, payload);
    return bytes;
  }

  std::string program_ = "/does/not/exist";
  UniqueFd dir_, lock_;
  std::unique_ptr<loop::Listener> listener_;
  std::vector<UniqueFd> peers_;
  int connections_ = 0;
};

TEST_F(JobTest, Start_OfAProgramThatIsMissing_SaysSoAndFreesTheLock) {
  std::optional<Result<JobResult>> result;
  Job job(
      Host(), BlobsSpec(), [](ByteSpan) {}, Into(result));
  EXPECT_FALSE(Await(result).ok());
  EXPECT_EQ(result->error().os_errno(), ENOENT);
  UniqueFd lock = sys::OpenAt(home().jobs(), "job/lock", O_RDWR).TakeValue();
  EXPECT_TRUE(sys::LockExclusive(lock.get(), sys::LockWait::kNo).TakeValue());
}

TEST_F(JobTest, Start_OfAProgramThatEndsAtOnce_IsAnImageError) {
  program_ = "/bin/true";
  std::optional<Result<JobResult>> result;
  Job job(
      Host(), BlobsSpec(), [](ByteSpan) {}, Into(result));
  EXPECT_EQ(Await(result).error().code(), Code::kImage);
  EXPECT_NE(result->error().message().find("test the job"), std::string::npos);
}

TEST_F(JobTest, Start_OfAProgramThatSaysWhatItDiesOf_HasThatInItsError) {
  program_ = home().path() + "/program";
  std::string script = "#!/bin/sh\necho first >&2\nprintf 'no such \\033luck\\n' >&2\n";
  {
    UniqueFd file = sys::OpenAt(AT_FDCWD, program_, O_WRONLY | O_CREAT, 0700).TakeValue();
    ASSERT_TRUE(sys::WriteAll(file.get(), AsBytes(script)).ok());
  }
  std::optional<Result<JobResult>> result;
  Job job(
      Host(), BlobsSpec(), [](ByteSpan) {}, Into(result));
  EXPECT_EQ(Await(result).error().code(), Code::kImage);
  EXPECT_NE(result->error().message().find("middle of it: no such ?luck"), std::string::npos)
      << result->error().message();
}

TEST_F(JobTest, Join_OfAJobThatEndsBeforeItAccepts_ComesBackUntilOneDoes) {
  HoldLock();
  Serve([](int number) {
    if (number < 3) return number == 1 ? Bytes() : OnlyHello();
    return HelloAnd(proto::Kind::kClose, proto::Encode(proto::Closed()));
  });
  std::optional<Result<JobResult>> result;
  Job job(
      Host(), BlobsSpec(), [](ByteSpan) {}, Into(result));
  EXPECT_TRUE(Await(result).ok()) << result->error().message();
  EXPECT_EQ(connections_, 3);
}

TEST_F(JobTest, Join_BeforeTheSocketHasItsName_ComesBackWhenItHas) {
  HoldLock();
  std::optional<Result<JobResult>> result;
  Job job(
      Host(), BlobsSpec(), [](ByteSpan) {}, Into(result));
  // The worker has looked once, in vain, when this comes back.
  executor_->Run(
      [] {},
      [this] {
        Serve([](int) { return HelloAnd(proto::Kind::kClose, proto::Encode(proto::Closed())); });
      });
  EXPECT_TRUE(Await(result).ok()) << result->error().message();
}

TEST_F(JobTest, Join_OfAJobThatDiesAfterItAccepted_IsAnImageError) {
  HoldLock();
  proto::ProgressEvent event;
  Serve([&](int) { return HelloAnd(proto::Kind::kEvent, proto::Encode(event)); });
  std::optional<Result<JobResult>> result;
  int events = 0;
  Job job(
      Host(), BlobsSpec(), [&](ByteSpan) { ++events; }, Into(result));
  EXPECT_EQ(Await(result).error().code(), Code::kImage);
  EXPECT_EQ(events, 1);
}

TEST_F(JobTest, Join_OfAJobThatFails_HasItsError) {
  HoldLock();
  proto::Closed closed;
  closed.status = proto::ToRecord(Error(Code::kNetwork, "no route", "look at the cable"));
  Serve([&](int) { return HelloAnd(proto::Kind::kClose, proto::Encode(closed)); });
  std::optional<Result<JobResult>> result;
  Job job(
      Host(), BlobsSpec(), [](ByteSpan) {}, Into(result));
  EXPECT_EQ(Await(result).error().code(), Code::kNetwork);
  EXPECT_EQ(result->error().hint(), "look at the cable");
}

TEST_F(JobTest, Join_OfAJobThatSendsGarbage_IsAnError) {
  HoldLock();
  Serve([](int) { return Bytes(100, 0xff); });
  std::optional<Result<JobResult>> result;
  Job job(
      Host(), BlobsSpec(), [](ByteSpan) {}, Into(result));
  EXPECT_FALSE(Await(result).ok());
}

TEST_F(JobTest, DiskFile_MadeByAJob_GetsItsNameAndIsFoundTheNextTime) {
  HoldLock();
  WriteOut("disk");
  Serve([](int) { return HelloAnd(proto::Kind::kClose, proto::Encode(proto::Closed())); });
  for (int round = 0; round < 2; ++round) {
    std::optional<Result<UniqueFd>> disk;
    DiskFile file(
        Host(), DiskSpec(), [](ByteSpan) {}, Into(disk));
    ASSERT_TRUE(Await(disk).ok()) << disk->error().message();
    EXPECT_EQ(sys::ReadFile(disk->value().get(), 100).TakeValue(), "disk");
  }
  EXPECT_EQ(connections_, 1);
}

TEST_F(JobTest, DiskFile_WhenTheNextJobBeginsTooEarly_WaitsForThatOne) {
  HoldLock();
  WriteOut("first");
  Serve([this](int number) {
    // After we have joined the first job its file loses its name to the second one's.
    if (number == 1) WriteOut("second");
    return HelloAnd(proto::Kind::kClose, proto::Encode(proto::Closed()));
  });
  std::optional<Result<UniqueFd>> disk;
  DiskFile file(
      Host(), DiskSpec(), [](ByteSpan) {}, Into(disk));
  ASSERT_TRUE(Await(disk).ok()) << disk->error().message();
  EXPECT_EQ(sys::ReadFile(disk->value().get(), 100).TakeValue(), "second");
  EXPECT_EQ(connections_, 2);
}

TEST_F(JobTest, DiskFile_ThatIsAlwaysTakenAway_IsBusyInTheEnd) {
  HoldLock();
  WriteOut("0");
  Serve([this](int number) {
    WriteOut(std::to_string(number));
    return HelloAnd(proto::Kind::kClose, proto::Encode(proto::Closed()));
  });
  std::optional<Result<UniqueFd>> disk;
  DiskFile file(
      Host(), DiskSpec(), [](ByteSpan) {}, Into(disk));
  EXPECT_EQ(Await(disk).error().code(), Code::kBusy);
  EXPECT_FALSE(sys::StatAt(home().rootfs(), "a.ext4").ok());
}

TEST_F(JobTest, DiskFile_ThatAppearedBeforeWeGotTheLock_IsNotMadeAgain) {
  HoldLock();
  std::optional<Result<UniqueFd>> disk;
  DiskFile file(
      Host(), DiskSpec(), [](ByteSpan) {}, Into(disk));
  // By then the worker has looked for the file, and the job's first try is behind it in the queue.
  executor_->Run([] {},
                 [this] {
                   sys::OpenAt(home().rootfs(), "a.ext4", O_WRONLY | O_CREAT, 0600).TakeValue();
                   lock_.Reset();
                 });
  EXPECT_TRUE(Await(disk).ok()) << disk->error().message();
}

TEST_F(JobTest, DiskFile_LeftEmpty_IsAnImageError) {
  HoldLock();
  WriteOut("");
  Serve([](int) { return HelloAnd(proto::Kind::kClose, proto::Encode(proto::Closed())); });
  std::optional<Result<UniqueFd>> disk;
  DiskFile file(
      Host(), DiskSpec(), [](ByteSpan) {}, Into(disk));
  EXPECT_EQ(Await(disk).error().code(), Code::kImage);
}

TEST_F(JobTest, Destroyed_WhileItWaits_IsNotHeardOfAgain) {
  HoldLock();
  auto job = std::make_unique<Job>(
      Host(), BlobsSpec(), [](ByteSpan) {},
      [](Result<JobResult>) { ADD_FAILURE() << "called back"; });
  job.reset();
  std::optional<Result<void>> done;
  executor_->Run([] {}, [&] { Into(done)(Result<void>()); });
  Await(done);
}

TEST(JobKey, OfDifferentParts_Differs) {
  EXPECT_NE(JobKey("fetch", {"a/b"}), JobKey("fetch", {"a:b"}));
  EXPECT_NE(JobKey("fetch", {"a", "b"}), JobKey("fetch", {"a-b"}));
  EXPECT_NE(JobKey("fetch", {"a", ""}), JobKey("fetch", {"", "a"}));
  EXPECT_EQ(JobKey("fetch", {"a"}), JobKey("fetch", {"a"}));
}

TEST(JobKey, OfAnyBytes_IsAFileName) {
  std::string key = JobKey("fetch", {std::string(5000, '/') + "../\xff"});
  EXPECT_EQ(key.find('/'), std::string::npos);
  EXPECT_LT(key.size(), 200u);
}

}  // namespace
}  // namespace boxlite::images
