// The qemu engine: a machine of type microvm in a child process, driven over QMP. See machine.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jail/spawn.h"
#include "loop/stream.h"
#include "machine/answers.h"
#include "machine/machine.h"
#include "machine/qmp.h"

namespace boxlite::machine {

// Reads one of QEMU's channels piece by piece.
class ChannelReader : public loop::StreamHandler {
 public:
  ChannelReader(std::function<void(ByteSpan)> on_bytes, std::function<void()> on_end)
      : on_bytes_(std::move(on_bytes)), on_end_(std::move(on_end)) {}
  std::span<uint8_t> ReadSpace() override { return space_; }
  void OnRead(size_t size) override { on_bytes_(ByteSpan(space_).first(size)); }
  void OnEnd(Result<void>) override { on_end_(); }

 private:
  std::function<void(ByteSpan)> on_bytes_;
  std::function<void()> on_end_;
  uint8_t space_[4096]{};
};

class QemuMachine : public Machine {
 public:
  static Result<std::unique_ptr<Machine>> Create(MachineParts parts);
  ~QemuMachine() override;
  QemuMachine(const QemuMachine&) = delete;
  QemuMachine& operator=(const QemuMachine&) = delete;

  Result<void> Start(loop::Loop& loop, MachineEvents events) override;
  Result<std::unique_ptr<loop::ByteStream>> OpenAgentStream(loop::Loop& loop,
                                                            loop::StreamHandler& handler,
                                                            size_t pending_limit) override;
  void Pause(Completion done) override { qmp_.Execute("stop", std::move(done)); }
  void Resume(Completion done) override { qmp_.Execute("cont", std::move(done)); }
  void Save(UniqueFd into, Completion done) override;
  void Restore(UniqueFd from, Completion done) override;
  void Stop() override;
  const std::vector<std::string>& jail_layers() const override { return child_.layers; }

 private:
  static constexpr size_t kErrorTail = 2048;
  static constexpr uint64_t kQuitMs = 2000;   // for QEMU to obey
  static constexpr uint64_t kDrainMs = 1000;  // for its channels to end once it has

  QemuMachine();
  void OnErrorOutput(ByteSpan bytes);
  void OnChannelEnd();
  void OnExit();
  void FinishIfDrained();
  void Finish();
  void Kill();
  MachineEnd DescribeEnd() const;

  jail::Child child_;
  UniqueFd agent_, monitor_fd_, console_fd_, error_fd_;
  MachineEvents events_;
  Qmp qmp_;
  ChannelReader monitor_reader_, console_reader_, error_reader_;
  std::unique_ptr<loop::Stream> monitor_, console_, error_;
  std::unique_ptr<loop::FdPoll> exit_poll_;
  std::unique_ptr<loop::Timer> deadline_;  // for Stop, then for draining
  std::unique_ptr<Answers> answers_;
  std::string error_tail_;
  bool signalled_ = false;  // somebody sent QEMU a SIGTERM or the like
  bool stopping_ = false;
  int channels_open_ = 0;
  std::optional<int> exit_status_;
};

}  // namespace boxlite::machine
