#include "machine/qmp.h"

#include "json/json.h"

namespace boxlite::machine {

void Qmp::Execute(const char* command, Answer answer) {
  int64_t id = next_id_++;
  json::Value line = json::Value::Object();
  line.Set("execute", json::Value::OfText(command)).Set("id", json::Value::OfInteger(id));
  open_[id] = std::move(answer);
  events_.send(line.Dump() + "\n");
}

Result<void> Qmp::Receive(ByteSpan bytes) {
  buffer_.append(AsText(bytes));
  size_t from = 0;
  for (size_t end = 0; (end = buffer_.find('\n', from)) != std::string::npos; from = end + 1) {
    std::string_view line(buffer_.data() + from, end - from);
    if (line.size() > kMaxLine) break;
    BOXLITE_TRY(ReceiveLine(line));
  }
  buffer_.erase(0, from);
  if (buffer_.size() > kMaxLine)
    return Error(Code::kEngine, "QEMU's monitor sent a line that is too long");
  return {};
}

Result<void> Qmp::ReceiveLine(std::string_view text) {
  json::Value line = BOXLITE_TRY(json::Parse(text, kMaxLine));
  if (line.Has("event")) {
    std::string name = BOXLITE_TRY(line.Text("event"));
    std::string reason = BOXLITE_TRY(line["data"].Text("reason", ""));
    events_.on_event(name, reason);
    return {};
  }
  if (!line.Has("return") && !line.Has("error")) return {};  // the greeting
  int64_t id = BOXLITE_TRY(line.Integer("id", 0));
  auto found = open_.find(id);
  if (found == open_.end()) return {};
  Answer answer = std::move(found->second);
  open_.erase(found);
  if (line.Has("return")) {
    answer({});
    return {};
  }
  answer(Error(Code::kEngine, "QEMU: " + BOXLITE_TRY(line["error"].Text("desc", "refused"))));
  return {};
}

void Qmp::Fail(const Error& why) {
  std::map<int64_t, Answer> open = std::move(open_);
  open_.clear();
  for (auto& [id, answer] : open) answer(why);
}

}  // namespace boxlite::machine
