#include "vm/connection.h"

#include <gtest/gtest.h>

#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::vm {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    auto ends = sys::SocketPair().TakeValue();
    peer_ = std::move(ends.second);
    Connection::Events events;
    events.frame = [](const proto::Frame&) -> Result<void> { return {}; };
    events.ended = [this](const Result<void>& why) {
      ++ended_;
      EXPECT_FALSE(why.ok());
    };
    events.drained = [this] { ++drained_; };
    connection_ =
        Connection::Create(*loop_, std::move(ends.first), 1 << 24, std::move(events)).TakeValue();
  }

  std::unique_ptr<loop::Loop> loop_ = loop::Loop::Create().TakeValue();
  UniqueFd peer_;
  std::unique_ptr<Connection> connection_;
  int ended_ = 0, drained_ = 0;
};

// Whoever removes what is over must leave it until its end was told.
TEST_F(ConnectionTest, Abandoned_IsOverOnlyOnceItsEndWasTold) {
  connection_->Abandon();
  EXPECT_TRUE(connection_->closed());
  EXPECT_FALSE(connection_->over());
  EXPECT_EQ(ended_, 0);
  loop_->RunReady();
  EXPECT_TRUE(connection_->over());
  EXPECT_EQ(ended_, 1);
  loop_->RunReady();
  EXPECT_EQ(ended_, 1);
}

TEST_F(ConnectionTest, WhatWaited_IsToldWhenItIsSent) {
  Bytes data(1 << 20);
  ASSERT_TRUE(connection_->Send(data, {}).ok());
  ASSERT_GT(connection_->pending(), 0u);
  EXPECT_EQ(drained_, 0);
  for (size_t taken = 0; taken < data.size();) {
    Bytes buffer(65536);
    taken += sys::Read(peer_.get(), buffer.data(), buffer.size()).value();
    loop_->RunReady();
  }
  EXPECT_EQ(connection_->pending(), 0u);
  EXPECT_EQ(drained_, 1);
}

}  // namespace
}  // namespace boxlite::vm
