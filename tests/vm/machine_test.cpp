// The qemu engine by itself: what boxlite-vm does not reach through its protocol yet.
#include "machine/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

using machine::MachineEnd;
using testing::HasSubstr;

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    BoxFiles files = DefaultFiles();
    machine::MachineParts parts;
    parts.spec.kernel = sys::Open(files.kernel, O_RDONLY).TakeValue();
    parts.spec.initramfs = sys::Open(files.initramfs, O_RDONLY).TakeValue();
    parts.spec.memory_mib = 128;
    parts.identity.root_disk = sys::Open(files.root_disk, O_RDONLY).TakeValue();
    machine_ = machine::CreateQemuMachine(std::move(parts)).TakeValue();
    agent_ = machine_->TakeAgentStream();
    machine::MachineEvents events;
    events.on_console = [](std::string_view) {};
    events.on_ended = [this](MachineEnd end) {
      end_ = std::move(end);
      loop_->Stop();
    };
    ASSERT_TRUE(machine_->Start(*loop_, std::move(events)).ok());
  }

  machine::Completion Record() {
    return [this](Result<void> result) {
      answers_.push_back(result.ok() ? "ok" : result.error().message());
      loop_->Stop();
    };
  }
  bool AgentSpeaks(uint64_t within_ms) {
    bool spoke = false;
    loop::Timer patience(*loop_, [this] { loop_->Stop(); });
    auto poll = loop::FdPoll::Create(*loop_, agent_.get(), [&](loop::Interest) {
                  spoke = true;
                  loop_->Stop();
                }).TakeValue();
    poll->Wait({.readable = true});
    patience.Start(within_ms);
    loop_->Run();
    return spoke;
  }

  std::unique_ptr<loop::Loop> loop_ = loop::Loop::Create().TakeValue();
  std::unique_ptr<machine::Machine> machine_;
  UniqueFd agent_;
  std::vector<std::string> answers_;
  std::optional<MachineEnd> end_;
};

TEST_F(MachineTest, Paused_TheGuestStandsStill_ResumedItGoesOn) {
  machine_->Pause(Record());
  EXPECT_TRUE(answers_.empty());
  loop_->Run();
  ASSERT_THAT(answers_, testing::ElementsAre("ok"));
  EXPECT_FALSE(AgentSpeaks(3000));
  machine_->Resume(Record());
  loop_->Run();
  EXPECT_TRUE(AgentSpeaks(kDeadlineMs));
}

TEST_F(MachineTest, SaveAndRestore_AreUnsupported) {
  machine_->Save({}, Record());
  loop_->Run();
  machine_->Restore({}, Record());
  loop_->Run();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_THAT(answers_[0], HasSubstr("not supported"));
  EXPECT_THAT(answers_[1], HasSubstr("not supported"));
}

TEST_F(MachineTest, Stopped_EndsOnceAndFailsWhatIsOpen) {
  machine_->Stop();
  machine_->Stop();
  loop_->Run();
  ASSERT_TRUE(end_);
  EXPECT_EQ(end_->detail, "");
}

TEST_F(MachineTest, Destroyed_TakesQemuWithIt) {
  machine_.reset();
  // The channel ends only when nobody holds its other end.
  char byte = 0;
  while (sys::Read(agent_.get(), &byte, 1).value() > 0) {
  }
}

}  // namespace
}  // namespace boxlite::vm_test
