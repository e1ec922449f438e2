// TargetTest: what every test has that attacks each queue in several ways: a bench, and on it the
// attacked queue's driver, started.
//
// Thread rule: the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "hostile/bench.h"

namespace boxlite::hostile_test {

template <typename Case>
class TargetTest : public testing::TestWithParam<std::tuple<Target, Case>> {
 protected:
  void SetUp() override { Begin(); }
  void TearDown() override { ExpectNoTrespass(); }

  // On a machine of its own; what was before is gone.
  void Begin() {
    driver_.reset();
    bench_.reset();
    auto created = Bench::Create();
    ASSERT_TRUE(created.ok()) << created.error().message();
    bench_ = created.TakeValue();
    driver_.emplace(*bench_, target_);
    driver_->Start();
  }
  void ExpectNoTrespass(uint64_t from = 0) const {
    if (!bench_) return;
    EXPECT_EQ(bench_->machine().Trespass(from), std::nullopt);
  }
  virtio::DriverQueue& queue() { return driver_->queue(); }

  const Target target_ = std::get<0>(this->GetParam());
  const Case case_ = std::get<1>(this->GetParam());
  std::unique_ptr<Bench> bench_;
  std::optional<Driver> driver_;
};

template <typename Case>
std::string NameOf(const testing::TestParamInfo<std::tuple<Target, Case>>& info) {
  return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).name;
}

}  // namespace boxlite::hostile_test
