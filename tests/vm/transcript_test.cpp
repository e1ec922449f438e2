// One session that uses every operation a client has, for the golden transcripts of
// tests/golden/protocol.
//
// Run with BOXLITE_TRANSCRIPT=FILE it leaves FILE.client and FILE.server; unit/proto/Transcript
// reads those of each version that was released.
#include <gtest/gtest.h>

#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

proto::ErrorRecord StatusOf(Client& client, uint32_t stream) {
  return client.Closed<proto::Closed>(stream).status;
}

// Directories, lists and trees.
void WorkOnFiles(Client& client) {
  proto::MakeDirectory make;
  make.path = "/tmp/folder/inner";
  make.flags = proto::kMakeParents;
  EXPECT_EQ(StatusOf(client, client.Open(make)).code, 0);
  proto::RenameFile rename;
  rename.path = "/tmp/file";
  rename.to = "/tmp/folder/renamed";
  EXPECT_EQ(StatusOf(client, client.Open(rename)).code, 0);
  proto::ListFiles list;
  list.window = kWindow;
  list.path = "/tmp/folder";
  EXPECT_EQ(StatusOf(client, client.Open(list)).code, 0);
  proto::StatFile stat;
  stat.window = kWindow;
  stat.path = "/tmp/folder/renamed";
  EXPECT_EQ(StatusOf(client, client.Open(stat)).code, 0);

  proto::GetTree get;
  get.window = kWindow;
  get.path = "/tmp/folder";
  get.name = "folder";
  uint32_t getting = client.Open(get);
  EXPECT_EQ(StatusOf(client, getting).code, 0);
  proto::PutTree put;
  put.path = "/tmp/copy";
  put.name = "folder";
  uint32_t putting = client.Open(put);
  client.WaitAccepted(putting);
  client.SendAll(putting, client.at(getting).data[1]);
  EXPECT_EQ(StatusOf(client, putting).code, 0);
  EXPECT_EQ(client.Shell("cat /tmp/copy/renamed").output, "contents");

  proto::RemoveFile remove;
  remove.path = "/tmp/folder";
  remove.flags = proto::kRemoveRecursive;
  EXPECT_EQ(StatusOf(client, client.Open(remove)).code, 0);
}

// It lives until the box stops.
void SignalTheMainExecution(Client& client) {
  proto::Exec main =
      Command({"sh", "-c", "trap 'echo caught' USR1; echo ready; while :; do sleep 0.1; done"});
  main.flags = proto::kExecMain;
  uint32_t running = client.Open(main);
  auto says = [&client, running](const char* text) {
    EXPECT_TRUE(client.RunUntil([&client, running, text] {
      return client.at(running).data[1].ends_with(text);
    })) << text;
  };
  says("ready\n");
  proto::SignalMain signal;
  signal.number = 10;
  EXPECT_EQ(StatusOf(client, client.Open(signal)).code, 0);
  says("caught\n");
}

void WorkOnATerminal(Client& client) {
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
}

void SignalAnExecution(Client& client) {
  uint32_t sleeper = client.Open(Command({"sleep", "1000"}));
  client.WaitAccepted(sleeper);
  proto::SignalEvent signal;
  signal.number = 15;
  client.Send(proto::Kind::kEvent, sleeper, proto::Encode(signal));
  EXPECT_EQ(client.Closed<proto::ExecClosed>(sleeper).exit_code, -15);
}

void WriteAndReadAFile(Client& client) {
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
}

TEST(Transcript, Session_UsesEveryOperation) {
  BoxProcess box;
  box.Launch();
  Client& client = box.owner();
  EXPECT_EQ(client.Shell("echo out; echo err >&2; exit 3").closed.exit_code, 3);
  WorkOnATerminal(client);
  SignalAnExecution(client);
  EXPECT_EQ(client.Refused(client.Open(Command({"no-such-command"}))).os_errno, 2);
  WriteAndReadAFile(client);
  WorkOnFiles(client);
  SignalTheMainExecution(client);
  proto::ListProcesses processes;
  processes.window = kWindow;
  EXPECT_EQ(StatusOf(client, client.Open(processes)).code, 0);

  EXPECT_GT(client.Closed<proto::InfoClosed>(client.Open(proto::InfoRequest())).pid, 0u);
  proto::Stop stop;
  stop.timeout_ms = 10'000;
  client.WaitOver(client.Open(stop));
  EXPECT_EQ(client.Closed<proto::BoxExit>(box.launch_stream()).reason, proto::ExitReason::kStopped);
}

}  // namespace
}  // namespace boxlite::vm_test
