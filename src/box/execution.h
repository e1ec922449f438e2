// Execution: one command in a box, from boxlite_box_exec to its on_exit.
//
// It has two sides. The user's side (any thread) checks what can be checked at once and sends the
// rest to the loop. The loop's side waits for the box, opens the command, and passes on what comes
// back. It is shared by the user's handle, the box that carries it and the events in the queue.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "box/completion.h"
#include "box/live_box.h"
#include "box/loop_gate.h"
#include "box/options.h"
#include "box/output_channel.h"
#include "box/overdue.h"
#include "client/exec.h"

namespace boxlite::box {

class Execution : public BoxTask,
                  private client::ExecHandler,
                  public std::enable_shared_from_this<Execution> {
 public:
  using Exit = proto::ExecClosed;
  // What an execution stands on: parts of the runtime, which lives as long as any handle.
  struct Parts {
    LoopGate& gate;
    CallbackQueue& queue;
    Outstanding& outstanding;
  };
  static std::shared_ptr<Execution> Create(Parts parts, std::string id, ExecOptions options,
                                           ExecSinks sinks, Callbacks<Exit> callbacks);
  ~Execution() override;
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  const std::string& id() const { return id_; }
  void Arm() { completion_.Arm(); }

  // ---- any thread; see boxlite.h
  Result<void> WriteStdin(Bytes data, Callbacks<void> callbacks);
  Result<void> CloseStdin();
  Result<void> Signal(int number);
  Result<void> Kill(int number);
  Result<void> Resize(uint16_t rows, uint16_t columns);
  Result<void> Consume(proto::Channel channel, size_t bytes);

  // ---- the loop's thread
  void OnRunning(LiveBox& box) override;
  void OnNotRunning(const Error& why) override;
  void Abandon() override;

 private:
  Execution(Parts parts, std::string id, ExecOptions options, Callbacks<Exit> callbacks);
  void MakeChannels(ExecSinks sinks);
  std::shared_ptr<OutputChannel> MakeChannel(proto::Channel channel, OutputChannel::Deliver sink);
  // Runs on the loop, while the command has not ended.
  template <typename Function>
  Result<void> OnLoop(Function function);

  void OnStarted(uint32_t pid) override;
  void OnOutput(proto::Channel channel, ByteSpan data) override;
  void OnExited(Result<Exit> how) override;
  void KillOnLoop(int number);
  void WatchLimit();
  void OnOverdue();
  void Finish(Result<Exit> how);

  const Parts parts_;
  const std::string id_;
  const ExecOptions options_;
  std::function<void(uint32_t)> started_;
  Completion<Exit> completion_;
  std::shared_ptr<OutputChannel> output_, error_;

  std::mutex mutex_;
  // guarded by mutex_
  size_t input_waiting_ = 0;
  bool input_closed_ = false;
  bool ended_ = false;

  // the loop's thread
  std::unique_ptr<client::Exec> exec_;  // until the end
  std::unique_ptr<Overdue> overdue_;    // with a time limit, until the end
  size_t unread_ = 0;                   // bytes that came, and that the user has yet to take
  bool box_stopped_for_us_ = false;     // The limit passed, and the guest did not keep it.
};

}  // namespace boxlite::box
