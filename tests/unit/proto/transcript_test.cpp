// The golden transcripts: what a real session of each released version sent. They have to be
// understood for ever, because a boxlite-vm that runs survives an upgrade of the library, and a
// saved machine holds an old agent.
//
// tests/golden/protocol/<version>/session.client and session.server; vm/Transcript.Session records
// them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "proto/frame.h"
#include "proto/list.h"
#include "proto/messages.h"

namespace boxlite::proto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct KeptFrame {
  FrameHeader header;
  Bytes payload;
};

std::vector<KeptFrame> ReadFrames(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  FrameParser parser;
  parser.Append(AsBytes(std::string_view(bytes.data(), bytes.size())));
  std::vector<KeptFrame> frames;
  for (;;) {
    auto frame = parser.Next();
    if (!frame.ok()) ADD_FAILURE() << path << ": " << frame.error().message();
    if (!frame.ok() || !frame.value()) return frames;
    ByteSpan payload = frame.value()->payload;
    frames.push_back({frame.value()->header, Bytes(payload.begin(), payload.end())});
  }
}

class Transcript : public testing::TestWithParam<std::filesystem::path> {
 protected:
  std::vector<KeptFrame> client_ = ReadFrames(GetParam() / "session.client");
  std::vector<KeptFrame> server_ = ReadFrames(GetParam() / "session.server");

  // The first OPEN of `op`.
  const KeptFrame* Find(Op op) const {
    for (const KeptFrame& frame : client_) {
      if (frame.header.kind == Kind::kOpen && Decode<OpenHeader>(frame.payload).value().op == op)
        return &frame;
    }
    return nullptr;
  }
  // What ended a stream, decoded.
  template <typename Message>
  Message End(uint32_t stream) const {
    for (const KeptFrame& frame : server_) {
      bool ends = frame.header.kind == Kind::kClose || frame.header.kind == Kind::kRefuse;
      if (ends && frame.header.stream == stream) return Decode<Message>(frame.payload).TakeValue();
    }
    ADD_FAILURE() << "stream " << stream << " has no end";
    return {};
  }
  std::string Data(uint32_t stream, Channel channel) const {
    std::string data;
    for (const KeptFrame& frame : server_) {
      if (frame.header.kind == Kind::kData && frame.header.stream == stream &&
          frame.header.channel == channel)
        data += AsText(frame.payload);
    }
    return data;
  }
};

TEST_P(Transcript, BothHellos_AgreeOnAVersion) {
  ASSERT_FALSE(client_.empty() || server_.empty());
  auto client = Decode<Hello>(client_.front().payload);
  auto server = Decode<Hello>(server_.front().payload);
  ASSERT_TRUE(client.ok() && server.ok());
  EXPECT_EQ(server.value().role, Role::kVm);
  EXPECT_TRUE(NegotiateVersion(Hello(), client.value()).ok());
  EXPECT_TRUE(NegotiateVersion(Hello(), server.value()).ok());
}

TEST_P(Transcript, FirstExecution_IsRead) {
  const KeptFrame* open = Find(Op::kExec);
  ASSERT_NE(open, nullptr);
  auto exec = Decode<Exec>(open->payload).TakeValue();
  EXPECT_THAT(exec.argv, ElementsAre("sh", "-c", "echo out; echo err >&2; exit 3"));
  EXPECT_THAT(exec.env, ElementsAre("PATH=/bin:/usr/bin"));
  EXPECT_GT(exec.window, 0u);
  EXPECT_EQ(Data(open->header.stream, Channel::kOutput), "out\n");
  EXPECT_EQ(Data(open->header.stream, Channel::kError), "err\n");
  EXPECT_EQ(End<ExecClosed>(open->header.stream).exit_code, 3);
}

TEST_P(Transcript, Events_AreRead) {
  std::map<EventType, Bytes> events;
  for (const KeptFrame& frame : client_) {
    if (frame.header.kind == Kind::kEvent)
      events[Decode<EventHeader>(frame.payload).value().type] = frame.payload;
  }
  EXPECT_EQ(Decode<ResizeEvent>(events[EventType::kResize]).value().columns, 120);
  EXPECT_EQ(Decode<SignalEvent>(events[EventType::kSignal]).value().number, 15);
}

TEST_P(Transcript, Files_AreRead) {
  const KeptFrame* write = Find(Op::kWriteFile);
  const KeptFrame* read = Find(Op::kReadFile);
  ASSERT_TRUE(write != nullptr && read != nullptr);
  EXPECT_EQ(Decode<WriteFile>(write->payload).value().path, "/tmp/file");
  EXPECT_EQ(End<Closed>(write->header.stream).status.code, 0);
  EXPECT_EQ(Decode<ReadFile>(read->payload).value().path, "/tmp/file");
  EXPECT_EQ(Data(read->header.stream, Channel::kOutput), "contents");
}

TEST_P(Transcript, Directories_AreRead) {
  ASSERT_TRUE(Find(Op::kMakeDirectory) != nullptr && Find(Op::kRenameFile) != nullptr &&
              Find(Op::kListFiles) != nullptr && Find(Op::kStatFile) != nullptr &&
              Find(Op::kRemoveFile) != nullptr);
  auto make = Decode<MakeDirectory>(Find(Op::kMakeDirectory)->payload).TakeValue();
  EXPECT_EQ(make.path, "/tmp/folder/inner");
  EXPECT_EQ(make.flags, kMakeParents);
  EXPECT_EQ(Decode<RenameFile>(Find(Op::kRenameFile)->payload).value().to, "/tmp/folder/renamed");
  EXPECT_EQ(Decode<RemoveFile>(Find(Op::kRemoveFile)->payload).value().flags, kRemoveRecursive);

  auto entries =
      DecodeList<FileInfo>(AsBytes(Data(Find(Op::kListFiles)->header.stream, Channel::kOutput)));
  ASSERT_TRUE(entries.ok());
  std::vector<std::string> names;
  for (const FileInfo& entry : entries.value()) names.push_back(entry.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("inner", "renamed"));
  auto stat =
      DecodeList<FileInfo>(AsBytes(Data(Find(Op::kStatFile)->header.stream, Channel::kOutput)));
  ASSERT_TRUE(stat.ok() && stat.value().size() == 1);
  EXPECT_EQ(stat.value()[0].type, FileType::kFile);
  EXPECT_EQ(stat.value()[0].size, 8u);
}

TEST_P(Transcript, TreesProcessesAndTheMainSignal_AreRead) {
  ASSERT_TRUE(Find(Op::kGetTree) != nullptr && Find(Op::kPutTree) != nullptr &&
              Find(Op::kListProcesses) != nullptr && Find(Op::kSignalMain) != nullptr);
  EXPECT_EQ(Decode<GetTree>(Find(Op::kGetTree)->payload).value().name, "folder");
  EXPECT_EQ(Decode<PutTree>(Find(Op::kPutTree)->payload).value().path, "/tmp/copy");
  EXPECT_EQ(End<Closed>(Find(Op::kPutTree)->header.stream).status.code, 0);
  EXPECT_THAT(Data(Find(Op::kGetTree)->header.stream, Channel::kOutput), HasSubstr("ustar"));
  auto processes = DecodeList<ProcessInfo>(
      AsBytes(Data(Find(Op::kListProcesses)->header.stream, Channel::kOutput)));
  ASSERT_TRUE(processes.ok() && !processes.value().empty());
  EXPECT_EQ(processes.value()[0].argv.at(0), "sh");
  EXPECT_EQ(Decode<SignalMain>(Find(Op::kSignalMain)->payload).value().number, 10);
}

TEST_P(Transcript, RefusalInfoAndEnd_AreRead) {
  bool refused = false;
  for (const KeptFrame& frame : server_) {
    if (frame.header.kind != Kind::kRefuse) continue;
    auto record = Decode<ErrorRecord>(frame.payload).TakeValue();
    EXPECT_EQ(record.code, static_cast<int32_t>(Code::kExecution));
    EXPECT_EQ(record.os_errno, 2);
    refused = true;
  }
  EXPECT_TRUE(refused);
  ASSERT_TRUE(Find(Op::kInfo) != nullptr && Find(Op::kLaunch) != nullptr);
  InfoClosed info = End<InfoClosed>(Find(Op::kInfo)->header.stream);
  EXPECT_GT(info.pid, 0u);
  EXPECT_EQ(info.launched.engine, Engine::kQemu);
  EXPECT_THAT(info.launched.agent_build, HasSubstr("agent"));
  EXPECT_EQ(End<BoxExit>(Find(Op::kLaunch)->header.stream).reason, ExitReason::kStopped);
}

std::vector<std::filesystem::path> Versions() {
  auto golden = std::filesystem::path(BOXLITE_TEST_SOURCES) / "golden/protocol";
  std::vector<std::filesystem::path> versions;
  for (const auto& entry : std::filesystem::directory_iterator(golden)) versions.push_back(entry);
  return versions;
}

std::string VersionName(const testing::TestParamInfo<std::filesystem::path>& version) {
  std::string name = "v" + version.param.filename().string();
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Versions, Transcript, testing::ValuesIn(Versions()), VersionName);

}  // namespace
}  // namespace boxlite::proto
