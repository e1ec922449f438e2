// Box: one running box from LAUNCH to its end. It joins the machine, the relay and the connections,
// and is the only one that decides why the box ended.
//
//   booting      the machine runs, the agent has not said HELLO
//   configuring  CONFIGURE is on its way
//   running      LAUNCH is accepted, clients come and go
//   stopping     the agent was asked to shut down
//   halting      the machine was told to end, without the guest's consent
//   ended        the end is recorded and told; what is still to be sent is flushed
//
// Every state but `running` has a deadline. Thread rule: the loop's thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "loop/loop.h"
#include "machine/console_log.h"
#include "machine/machine.h"
#include "proto/messages.h"
#include "vm/connection.h"
#include "vm/engine.h"
#include "vm/relay.h"
#include "vm/startup.h"

namespace boxlite::vm {

class Box : private RelayOwner {
 public:
  struct Parts {
    proto::Launch launch;
    EngineChoice engine;
    FirstClient first_client;
    std::unique_ptr<machine::Machine> machine;
    std::function<void(machine::ThreadKind)> on_thread;  // on each of the machine's threads
    UniqueFd listener;  // connections are accepted once the box runs
    UniqueFd exit_file;
    UniqueFd log_file;
    UniqueFd signals;        // a signalfd; any signal means: stop in order
    int64_t started_ns = 0;  // of the process, for boot_ms
  };

  Box(loop::Loop& loop, Parts parts);
  ~Box() override;
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  // Begins to wait for everything; the machine's threads are there. The process can lock itself in
  // afterwards. When the box has ended, the loop is stopped.
  Result<void> Start();
  // The guest runs from now on.
  void RunGuest() { parts_.machine->Run(); }
  // `layers` is what Launched says about boxlite-vm's own jail.
  void SetJail(const std::vector<std::string>& layers);

 private:
  enum class State : uint8_t { kBooting, kConfiguring, kRunning, kStopping, kHalting, kEnded };
  using Operation = std::pair<ClientId, uint32_t>;  // a client's open stream

  // Connections
  Result<ClientId> AddClient(UniqueFd socket, ByteSpan read_so_far);
  Result<void> StartFirstClient();
  Result<void> StartAgent();
  Result<void> StartSignals();
  void OnConnection(UniqueFd socket);
  void OnClientEnded(ClientId id);
  void RemoveClosedClients();

  // RelayOwner
  void SendToClient(ClientId client, ByteSpan head, ByteSpan body) override;
  void SendToAgent(ByteSpan head, ByteSpan body) override;
  size_t AgentPending() const override;
  void OnOperation(ClientId client, uint32_t stream, proto::Op op, ByteSpan request) override;
  void OnOperationCancelled(ClientId client, uint32_t stream, proto::Op op) override;
  void OnAgentHello(const proto::Hello& hello) override;
  void OnAgentBye(const proto::Bye& bye) override;
  void OnOwnClosed(uint32_t stream, Result<void> how) override;
  void OnMainExited(int32_t exit_code) override;
  void OnLaunch(ClientId client, uint32_t stream);
  void OnStop(ClientId client, uint32_t stream, ByteSpan request);
  void OnSignalMain(ClientId client, uint32_t stream, ByteSpan request);
  void AnswerInfo(ClientId client, uint32_t stream);

  // Life
  void OnConsole(std::string_view bytes);
  void OnAgentEnded(const Result<void>& why);
  void OnRunning();
  void OnDeadline();
  void Stop(proto::ExitReason reason, std::string detail, uint32_t grace_ms);
  void Halt(proto::ExitReason reason, std::string detail);
  void OnMachineEnded(const machine::MachineEnd& end);
  void DecideReason(const machine::MachineEnd& end);
  proto::ExitReason PanicReason() const;
  void TellEnd(bool launched);
  void FinishWhenFlushed();
  Error LaunchError() const;

  loop::Loop& loop_;  // outlives us
  Parts parts_;
  machine::ConsoleLog console_;
  const uid_t user_;  // who may connect
  Relay relay_;
  State state_ = State::kBooting;
  proto::Launched launched_;
  std::unique_ptr<Connection> agent_;
  std::map<ClientId, std::unique_ptr<Connection>> clients_;
  std::unique_ptr<loop::Listener> listener_;
  std::unique_ptr<loop::FdPoll> signals_;
  loop::Timer deadline_;  // of the state
  loop::Timer sweep_;     // removes connections that are closed
  loop::Timer panic_;     // for a guest that says it panicked and does not end
  loop::Timer halt_;      // for one that halts, which is no end by itself
  Operation launch_{};
  std::vector<Operation> stops_;
  uint32_t configure_ = 0, shutdown_ = 0;  // our requests' numbers
  proto::BoxExit exit_;
  bool asked_ = false;  // the end was decided by us: exit_.reason holds
  std::string bye_;
};

}  // namespace boxlite::vm
