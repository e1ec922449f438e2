// An engine by itself: what boxlite-vm does not reach through its protocol yet.
#include "machine/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "kvm/vm.h"
#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

using machine::MachineEnd;
using testing::HasSubstr;

// Counts what the agent says.
class AgentReader : public loop::StreamHandler {
 public:
  explicit AgentReader(loop::Loop& loop) : loop_(loop) {}
  std::span<uint8_t> ReadSpace() override { return space_; }
  void OnRead(size_t size) override {
    bytes_ += size;
    loop_.Stop();
  }
  void OnEnd(Result<void>) override {
    ended_ = true;
    loop_.Stop();
  }
  size_t bytes() const { return bytes_; }
  bool ended() const { return ended_; }

 private:
  loop::Loop& loop_;
  uint8_t space_[4096]{};
  size_t bytes_ = 0;
  bool ended_ = false;
};

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    BoxFiles files = DefaultFiles();
    machine::MachineParts parts;
    parts.spec.kernel = sys::Open(files.kernel, O_RDONLY).TakeValue();
    parts.spec.initramfs = sys::Open(files.initramfs, O_RDONLY).TakeValue();
    parts.spec.memory_mib = 128;
    parts.identity.root_disk = sys::Open(files.root_disk, O_RDONLY).TakeValue();
    bool kvm = TestedEngine() == proto::Engine::kKvm;
    auto created = kvm ? machine::CreateKvmMachine(std::move(parts), kvm::Host::Open().TakeValue())
                       : machine::CreateQemuMachine(std::move(parts));
    machine_ = created.TakeValue();
    agent_ = machine_->OpenAgentStream(*loop_, reader_, 65536).TakeValue();
    machine::MachineEvents events;
    events.on_console = [](std::string_view) {};
    events.on_ended = [this](MachineEnd end) {
      end_ = std::move(end);
      loop_->Stop();
    };
    ASSERT_TRUE(machine_->Start(*loop_, std::move(events)).ok());
    machine_->Run();
  }

  machine::Completion Record() {
    return [this](const Result<void>& result) {
      answers_.push_back(result.ok() ? "ok" : result.error().message());
      loop_->Stop();
    };
  }
  bool AgentSpeaks(uint64_t within_ms) {
    loop::Timer patience(*loop_, [this] { loop_->Stop(); });
    patience.Start(within_ms);
    while (reader_.bytes() == 0 && patience.active()) loop_->Run();
    return reader_.bytes() > 0;
  }

  std::unique_ptr<loop::Loop> loop_ = loop::Loop::Create().TakeValue();
  std::unique_ptr<machine::Machine> machine_;
  AgentReader reader_{*loop_};
  std::unique_ptr<loop::ByteStream> agent_;
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
  while (!end_) loop_->Run();  // The agent's stream ends as well, and stops the loop.
  EXPECT_EQ(end_->detail, "");
}

TEST_F(MachineTest, DestroyedWhileItRuns_TakesAllWithIt) {
  EXPECT_TRUE(AgentSpeaks(kDeadlineMs));
  agent_.reset();
  machine_.reset();
  EXPECT_FALSE(end_);
}

}  // namespace
}  // namespace boxlite::vm_test
