// One session that uses every operation a client has, for the golden transcripts of
// tests/golden/protocol.
//
// Run with BOXLITE_TRANSCRIPT=FILE it leaves FILE.client and FILE.server; unit/proto/Transcript
// reads those of each version that was released.
#include <gtest/gtest.h>

#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

TEST(Transcript, Session_UsesEveryOperation) {
  BoxProcess box;
  box.Launch();
  Client& client = box.owner();
  EXPECT_EQ(client.Shell("echo out; echo err >&2; exit 3").closed.exit_code, 3);

  proto::Exec interactive = Command({"sh", "-c", "read line; stty size; echo got $line"});
  interactive.flags = proto::kExecTty | proto::kExecStdin;
  interactive.rows = 24;
  interactive.columns = 80;
  uint32_t terminal = client.Open(interactive);
  client.WaitAccepted(terminal);
  proto::ResizeEvent resize;
  resize.rows = 40;
  resize.columns = 120;
  client.Send(proto::Kind::kEvent, terminal, proto::Encode(resize));
  client.SendAll(terminal, "hello\n");
  EXPECT_EQ(client.Closed<proto::ExecClosed>(terminal).exit_code, 0);

  uint32_t sleeper = client.Open(Command({"sleep", "1000"}));
  client.WaitAccepted(sleeper);
  proto::SignalEvent signal;
  signal.number = 15;
  client.Send(proto::Kind::kEvent, sleeper, proto::Encode(signal));
  EXPECT_EQ(client.Closed<proto::ExecClosed>(sleeper).exit_code, -15);

  EXPECT_EQ(client.Refused(client.Open(Command({"no-such-command"}))).os_errno, 2);

  proto::WriteFile write;
  write.path = "/tmp/file";
  uint32_t writing = client.Open(write);
  client.WaitAccepted(writing);
  client.SendAll(writing, "contents");
  EXPECT_EQ(client.Closed<proto::Closed>(writing).status.code, 0);
  proto::ReadFile read;
  read.window = kWindow;
  read.path = "/tmp/file";
  uint32_t reading = client.Open(read);
  EXPECT_EQ(client.Closed<proto::Closed>(reading).status.code, 0);
  EXPECT_EQ(client.at(reading).data[1], "contents");

  EXPECT_GT(client.Closed<proto::InfoClosed>(client.Open(proto::InfoRequest())).pid, 0u);
  proto::Stop stop;
  stop.timeout_ms = 10'000;
  client.WaitOver(client.Open(stop));
  EXPECT_EQ(client.Closed<proto::BoxExit>(box.launch_stream()).reason, proto::ExitReason::kStopped);
}

}  // namespace
}  // namespace boxlite::vm_test
