#include "kvm/run_gate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace boxlite::kvm {
namespace {

// Threads that go through a gate as vCPUs do: what they do inside ends with a kick, and a kick that
// comes just before they are inside is not lost, since they ask the gate once more.
class Processors {
 public:
  explicit Processors(uint32_t count)
      : gate_(count, [this] { OnParked(); }), kicked_(count, false) {
    for (uint32_t i = 0; i < count; ++i) threads_.emplace_back([this, i] { Run(i); });
  }
  ~Processors() {
    gate_.Close();
    KickAll();
    Join();
  }
  Processors(const Processors&) = delete;
  Processors& operator=(const Processors&) = delete;

  RunGate& gate() { return gate_; }
  uint32_t inside() {
    std::lock_guard lock(mutex_);
    return inside_;
  }
  uint32_t left() {
    std::lock_guard lock(mutex_);
    return left_;
  }
  uint32_t parks() {
    std::lock_guard lock(mutex_);
    return parks_;
  }
  uint32_t inside_when_parked() {
    std::lock_guard lock(mutex_);
    return inside_when_parked_;
  }

  void Kick(size_t index) {
    std::lock_guard lock(mutex_);
    kicked_[index] = true;
    changed_.notify_all();
  }
  void KickAll() {
    for (size_t i = 0; i < kicked_.size(); ++i) Kick(i);
  }
  void WaitForInside(uint32_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return inside_ == count; });
  }
  void WaitForParks(uint32_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return parks_ == count; });
  }
  // What whoever holds the gate does: they may wait already, else the last one says so.
  void WaitUntilParked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return gate_.parked(); });
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void Run(size_t index) {
    while (gate_.Enter()) {
      ResetKick(index);
      if (gate_.open()) StayInside(index);
    }
    std::lock_guard lock(mutex_);
    ++left_;
  }
  void ResetKick(size_t index) {
    std::lock_guard lock(mutex_);
    kicked_[index] = false;
  }
  void StayInside(size_t index) {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this, index] { return kicked_[index]; });
    --inside_;
    changed_.notify_all();
  }
  void OnParked() {
    std::lock_guard lock(mutex_);
    ++parks_;
    inside_when_parked_ += inside_;
    changed_.notify_all();
  }

  RunGate gate_;
  std::mutex mutex_;  // guards what follows, but for the threads
  std::condition_variable changed_;
  std::vector<bool> kicked_;
  uint32_t inside_ = 0, left_ = 0, parks_ = 0, inside_when_parked_ = 0;
  std::vector<std::thread> threads_;  // the starter's
};

constexpr uint32_t kCount = 3;

TEST(RunGate, AtFirst_IsHeld) {
  Processors processors(kCount);
  processors.WaitForParks(1);
  EXPECT_EQ(processors.inside(), 0u);
  EXPECT_TRUE(processors.gate().parked());
  EXPECT_FALSE(processors.gate().open());
}

TEST(RunGate, WithoutItsThreads_IsNotParked) {
  RunGate gate(1, [] {});
  EXPECT_FALSE(gate.parked());
}

TEST(RunGate, Opened_LetsEverybodyPass) {
  Processors processors(kCount);
  processors.WaitForParks(1);
  processors.gate().Open();
  processors.WaitForInside(kCount);
  EXPECT_TRUE(processors.gate().open());
  EXPECT_FALSE(processors.gate().parked());
  EXPECT_EQ(processors.parks(), 1u);
}

TEST(RunGate, OpenedBeforeAnybodyCame_ParksNobody) {
  RunGate gate(1, [] { ADD_FAILURE() << "parked"; });
  gate.Open();
  EXPECT_TRUE(gate.Enter());
}

TEST(RunGate, HeldAgain_IsParkedOnceTheLastOneWaits) {
  Processors processors(kCount);
  processors.WaitForParks(1);
  processors.gate().Open();
  processors.WaitForInside(kCount);
  processors.gate().Hold();
  EXPECT_FALSE(processors.gate().open());
  processors.Kick(0);
  processors.Kick(1);
  processors.WaitForInside(1);
  // The last one is not kicked yet, so that nobody can have said so.
  EXPECT_FALSE(processors.gate().parked());
  EXPECT_EQ(processors.parks(), 1u);
  processors.Kick(2);
  processors.WaitForParks(2);
  EXPECT_TRUE(processors.gate().parked());
  EXPECT_EQ(processors.inside_when_parked(), 0u);
}

TEST(RunGate, AKickWhileItIsOpen_LetsTheThreadBackIn) {
  Processors processors(1);
  processors.gate().Open();
  for (int round = 0; round < 100; ++round) {
    processors.WaitForInside(1);
    processors.Kick(0);
  }
  processors.gate().Hold();
  processors.Kick(0);
  processors.WaitUntilParked();
  EXPECT_EQ(processors.inside(), 0u);
}

// Opened and held at once, whoever sleeps may not have noticed; nobody is inside all the same.
TEST(RunGate, OpenedAndHeldAtOnce_IsParkedEveryTime) {
  Processors processors(kCount);
  processors.WaitForParks(1);
  for (int round = 0; round < 500; ++round) {
    processors.gate().Open();
    processors.gate().Hold();
    processors.KickAll();
    processors.WaitUntilParked();
    ASSERT_EQ(processors.inside(), 0u);
  }
  EXPECT_EQ(processors.inside_when_parked(), 0u);
}

TEST(RunGate, ClosedWhileHeld_FreesEverybody) {
  Processors processors(kCount);
  processors.WaitForParks(1);
  processors.gate().Close();
  processors.Join();
  EXPECT_EQ(processors.left(), kCount);
  EXPECT_FALSE(processors.gate().parked());
}

TEST(RunGate, ClosedWhileOpen_LetsThreadsGoWhenTheyAsk) {
  Processors processors(kCount);
  processors.gate().Open();
  processors.WaitForInside(kCount);
  processors.gate().Close();
  processors.KickAll();
  processors.Join();
  EXPECT_EQ(processors.left(), kCount);
}

TEST(RunGate, Closed_StaysClosed) {
  RunGate gate(1, [] { ADD_FAILURE() << "parked"; });
  gate.Close();
  gate.Open();
  EXPECT_FALSE(gate.open());
  EXPECT_FALSE(gate.Enter());
  gate.Hold();
  EXPECT_FALSE(gate.Enter());
}

}  // namespace
}  // namespace boxlite::kvm
