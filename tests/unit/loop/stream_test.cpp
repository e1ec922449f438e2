#include "loop/stream.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::loop {
namespace {

class Recorder : public StreamHandler {
 public:
  std::span<uint8_t> ReadSpace() override { return space_; }
  void OnRead(size_t size) override {
    text.append(reinterpret_cast<const char*>(space_), size);
    if (on_read) on_read();
  }
  void OnEnd(Result<void> why) override {
    end = why.ok();
    if (on_end) on_end();
  }
  void OnDrained() override { ++drained; }

  std::string text;
  std::optional<bool> end;
  int drained = 0;
  std::function<void()> on_read, on_end;

 private:
  uint8_t space_[7];
};

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    auto ends = sys::SocketPair().TakeValue();
    peer_ = std::move(ends.second);
    stream_ = Stream::Create(*loop_, std::move(ends.first), recorder_, 1 << 20).TakeValue();
  }
  std::string ReadPeer(size_t size) {
    std::string text;
    while (text.size() < size) {
      char buffer[65536];
      size_t count = sys::Read(peer_.get(), buffer, sizeof buffer).value();
      if (count == 0) break;
      text.append(buffer, count);
      loop_->RunReady();
    }
    return text;
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().TakeValue();
  Recorder recorder_;
  UniqueFd peer_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(StreamTest, Read_ThenClosed_DeliversAllThenTheEnd) {
  ASSERT_TRUE(sys::WriteAll(peer_.get(), AsBytes("a text longer than the buffer")).ok());
  peer_.Reset();
  loop_->Run();
  EXPECT_EQ(recorder_.text, "a text longer than the buffer");
  EXPECT_EQ(recorder_.end, true);
}

TEST_F(StreamTest, Send_HeadAndBody_ArriveInOrder) {
  ASSERT_TRUE(stream_->Send(AsBytes("head "), AsBytes("body")).ok());
  ASSERT_TRUE(stream_->Send(AsBytes("!")).ok());
  EXPECT_EQ(ReadPeer(10), "head body!");
  EXPECT_EQ(stream_->pending(), 0u);
}

TEST_F(StreamTest, Send_MoreThanTheSocketTakes_ArrivesWholeAndDrainsOnce) {
  std::string big(1 << 20, 'x');
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 26);
  ASSERT_TRUE(stream_->Send(AsBytes("head"), AsBytes(big)).ok());
  EXPECT_GT(stream_->pending(), 0u);
  EXPECT_EQ(recorder_.drained, 0);
  EXPECT_TRUE(ReadPeer(big.size() + 4) == "head" + big);
  loop_->RunReady();
  EXPECT_EQ(recorder_.drained, 1);
  EXPECT_EQ(stream_->pending(), 0u);
}

TEST_F(StreamTest, Send_BeyondTheLimit_IsRefusedWhole) {
  std::string big(1 << 20, 'x');
  ASSERT_TRUE(stream_->Send(AsBytes(big)).ok());
  size_t pending = stream_->pending();
  ASSERT_GT(pending, 0u);
  Result<void> refused = stream_->Send(AsBytes(big));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(stream_->pending(), pending);
}

TEST_F(StreamTest, Send_ToAPeerThatIsGone_VanishesAndTheEndIsRead) {
  peer_.Reset();
  EXPECT_TRUE(stream_->Send(AsBytes("nobody reads this")).ok());
  EXPECT_FALSE(recorder_.end);
  loop_->Run();
  EXPECT_TRUE(recorder_.end);
}

TEST_F(StreamTest, Send_PendingWhenThePeerGoes_EndsWithoutSpinning) {
  ASSERT_TRUE(stream_->Send(AsBytes(std::string(1 << 20, 'x'))).ok());
  peer_.Reset();
  loop_->Run();
  EXPECT_TRUE(recorder_.end);
  EXPECT_EQ(stream_->pending(), 0u);
}

TEST_F(StreamTest, PauseReading_UntilResumed_HoldsBackDataAndEnd) {
  stream_->PauseReading();
  ASSERT_TRUE(sys::WriteAll(peer_.get(), AsBytes("later")).ok());
  peer_.Reset();
  loop_->RunReady();
  loop_->RunReady();
  EXPECT_EQ(recorder_.text, "");
  EXPECT_FALSE(recorder_.end);
  stream_->ResumeReading();
  loop_->Run();
  EXPECT_EQ(recorder_.text, "later");
  EXPECT_EQ(recorder_.end, true);
}

TEST_F(StreamTest, Handler_DestroysTheStreamInOnRead_IsFine) {
  recorder_.on_read = [&] { stream_.reset(); };
  ASSERT_TRUE(sys::WriteAll(peer_.get(), AsBytes("0123456789")).ok());
  loop_->Run();
  EXPECT_EQ(recorder_.text, "0123456");
  EXPECT_FALSE(recorder_.end);
}

TEST_F(StreamTest, Handler_DestroysTheStreamInOnEnd_IsFine) {
  recorder_.on_end = [&] { stream_.reset(); };
  peer_.Reset();
  loop_->Run();
  EXPECT_EQ(stream_, nullptr);
}

}  // namespace
}  // namespace boxlite::loop
