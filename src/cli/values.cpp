#include "cli/values.h"

#include <algorithm>
#include <vector>

#include "cli/handles.h"

namespace boxlite::cli {
namespace {

using json::Value;

void Set(Value& object, const char* key, const char* text) {
  object.Set(key, TextValue(text == nullptr ? "" : text));
}

void Set(Value& object, const char* key, int64_t number) {
  object.Set(key, Value::OfInteger(number));
}

// The texts that `get` has for 0, 1, … up to the first NULL.
template <typename Info>
std::vector<std::string> Texts(const Info* info, const char* (*get)(const Info*, size_t)) {
  std::vector<std::string> texts;
  for (const char* text = get(info, 0); text != nullptr; text = get(info, texts.size()))
    texts.emplace_back(text);
  return texts;
}

Value TextsValue(const std::vector<std::string>& texts) {
  Value array = Value::Array();
  for (const std::string& text : texts) array.Append(TextValue(text));
  return array;
}

// "name=value" entries as an object.
Value Pairs(const std::vector<std::string>& entries) {
  Value pairs = Value::Object();
  for (const std::string& entry : entries) {
    size_t equals = std::min(entry.find('='), entry.size());
    std::string value = equals == entry.size() ? "" : entry.substr(equals + 1);
    Set(pairs, entry.substr(0, equals).c_str(), value.c_str());
  }
  return pairs;
}

// As `ps` shows it: the state, and of one that has stopped how it came to that.
std::string Status(const boxlite_box_info* box) {
  boxlite_box_state state = boxlite_box_info_state(box);
  std::string text = boxlite_box_state_name(state);
  if (state != BOXLITE_BOX_STATE_STOPPED) return text;
  int code = boxlite_box_info_exit_code(box);
  text += " (";
  text += code != BOXLITE_EXIT_CODE_NONE
              ? std::to_string(ShellExitCode(code))
              : boxlite_exit_reason_name(boxlite_box_info_exit_reason(box));
  return text + ")";
}

// The lines of `text`.
Value Lines(std::string_view text) {
  Value lines = Value::Array();
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    lines.Append(TextValue(std::string(text.substr(0, end))));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

const char* EngineName(boxlite_engine engine) {
  switch (engine) {
    case BOXLITE_ENGINE_KVM:
      return "kvm";
    case BOXLITE_ENGINE_QEMU:
      return "qemu";
    default:
      return "auto";
  }
}

const char* IsolationName(boxlite_isolation isolation) {
  switch (isolation) {
    case BOXLITE_ISOLATION_HARDWARE:
      return "hardware";
    case BOXLITE_ISOLATION_SOFTWARE:
      return "software";
    default:
      return "";
  }
}

const char* DoctorStateName(boxlite_doctor_state state) {
  switch (state) {
    case BOXLITE_DOCTOR_STATE_OK:
      return "ok";
    case BOXLITE_DOCTOR_STATE_WARNING:
      return "warning";
    default:
      return "error";
  }
}

const char* DiskKindName(boxlite_disk_kind kind) {
  switch (kind) {
    case BOXLITE_DISK_KIND_IMAGES:
      return "images";
    case BOXLITE_DISK_KIND_ROOTFS:
      return "root file systems";
    case BOXLITE_DISK_KIND_BOXES:
      return "boxes";
    default:
      return "cache";
  }
}

// Only those that the box was made with.
Value LimitsValue(const boxlite_box_info* box) {
  Value object = Value::Object();
  auto add = [&object](const char* name, uint64_t limit) {
    if (limit != 0) Set(object, name, static_cast<int64_t>(limit));
  };
  add("max_open_files", boxlite_box_info_max_open_files(box));
  add("max_file_size_bytes", boxlite_box_info_max_file_size_bytes(box));
  add("max_memory_bytes", boxlite_box_info_max_memory_bytes(box));
  add("max_cpu_seconds", boxlite_box_info_max_cpu_seconds(box));
  add("max_processes", boxlite_box_info_max_processes(box));
  return object;
}

}  // namespace

Value TextValue(std::string text) {
  Value value = Value::OfText(text);
  if (!value.is_null()) return value;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return Value::OfText(text);
}

Value BoxValue(const boxlite_box_info* box) {
  Value object = Value::Object();
  Set(object, "id", boxlite_box_info_id(box));
  Set(object, "name", boxlite_box_info_name(box));
  Set(object, "image", boxlite_box_info_image(box));
  Set(object, "rootfs_path", boxlite_box_info_rootfs_path(box));
  Set(object, "state", boxlite_box_state_name(boxlite_box_info_state(box)));
  Set(object, "status", Status(box).c_str());
  Set(object, "pid", boxlite_box_info_pid(box));
  Set(object, "cpus", int64_t{boxlite_box_info_cpus(box)});
  Set(object, "memory_mib", int64_t{boxlite_box_info_memory_mib(box)});
  Set(object, "created_at_ms", boxlite_box_info_created_at_ms(box));
  Set(object, "started_at_ms", boxlite_box_info_started_at_ms(box));
  Set(object, "stopped_at_ms", boxlite_box_info_stopped_at_ms(box));
  Set(object, "engine", EngineName(boxlite_box_info_engine(box)));
  Set(object, "engine_reason", boxlite_box_info_engine_reason(box));
  object.Set("jail", Lines(boxlite_box_info_jail(box)));
  Set(object, "isolation", IsolationName(boxlite_box_info_isolation(box)));
  Set(object, "exit_reason", boxlite_exit_reason_name(boxlite_box_info_exit_reason(box)));
  Set(object, "exit_detail", boxlite_box_info_exit_detail(box));
  int exit_code = boxlite_box_info_exit_code(box);
  object.Set("exit_code",
             exit_code == BOXLITE_EXIT_CODE_NONE ? Value() : Value::OfInteger(exit_code));
  uint32_t flags = boxlite_box_info_flags(box);
  object.Set("auto_remove", Value::OfBool((flags & BOXLITE_BOX_AUTO_REMOVE) != 0));
  object.Set("detached", Value::OfBool((flags & BOXLITE_BOX_DETACHED) != 0));
  object.Set("limits", LimitsValue(box));
  object.Set("labels", Pairs(Texts(box, boxlite_box_info_label)));
  return object;
}

Value ImageValue(const boxlite_image_info* image) {
  Value object = Value::Object();
  Set(object, "reference", boxlite_image_info_reference(image));
  Set(object, "digest", boxlite_image_info_digest(image));
  Set(object, "source", boxlite_image_info_source(image));
  Set(object, "size", static_cast<int64_t>(boxlite_image_info_size(image)));
  Set(object, "pulled_at_ms", boxlite_image_info_pulled_at_ms(image));
  return object;
}

Value ImageDetails(const boxlite_image_info* image) {
  Value object = ImageValue(image);
  object.Set("references", TextsValue(Texts(image, boxlite_image_info_reference_at)));
  Set(object, "config_digest", boxlite_image_info_config_digest(image));
  Set(object, "created", boxlite_image_info_created(image));
  Set(object, "os", boxlite_image_info_os(image));
  Set(object, "architecture", boxlite_image_info_architecture(image));
  Set(object, "unpacked_size", static_cast<int64_t>(boxlite_image_info_unpacked_size(image)));
  object.Set("entrypoint", TextsValue(Texts(image, boxlite_image_info_entrypoint)));
  object.Set("cmd", TextsValue(Texts(image, boxlite_image_info_cmd)));
  object.Set("env", TextsValue(Texts(image, boxlite_image_info_env)));
  Set(object, "working_dir", boxlite_image_info_working_dir(image));
  Set(object, "user", boxlite_image_info_user(image));
  object.Set("labels", Pairs(Texts(image, boxlite_image_info_label)));
  Value layers = Value::Array();
  for (size_t i = 0; i < boxlite_image_info_layer_count(image); ++i) {
    Value layer = Value::Object();
    Set(layer, "digest", boxlite_image_info_layer_digest(image, i));
    Set(layer, "diff_id", boxlite_image_info_layer_diff_id(image, i));
    Set(layer, "size", static_cast<int64_t>(boxlite_image_info_layer_size(image, i)));
    layers.Append(layer);
  }
  object.Set("layers", layers);
  return object;
}

Value HistoryValue(const boxlite_image_info* image, size_t n) {
  Value object = Value::Object();
  int64_t layer = boxlite_image_info_history_layer(image, n);
  bool made = layer >= 0;
  auto index = static_cast<size_t>(layer);
  Set(object, "layer", made ? boxlite_image_info_layer_digest(image, index) : "");
  Set(object, "created", boxlite_image_info_history_created(image, n));
  Set(object, "created_by", boxlite_image_info_history_created_by(image, n));
  Set(object, "size",
      made ? static_cast<int64_t>(boxlite_image_info_layer_size(image, index)) : int64_t{0});
  Set(object, "comment", boxlite_image_info_history_comment(image, n));
  return object;
}

Value UsageValue(const boxlite_disk_usage* usage, boxlite_disk_kind kind) {
  Value object = Value::Object();
  Set(object, "type", DiskKindName(kind));
  Set(object, "total", static_cast<int64_t>(boxlite_disk_usage_count(usage, kind)));
  Set(object, "active", static_cast<int64_t>(boxlite_disk_usage_active(usage, kind)));
  Set(object, "size", static_cast<int64_t>(boxlite_disk_usage_bytes(usage, kind)));
  Set(object, "reclaimable", static_cast<int64_t>(boxlite_disk_usage_reclaimable(usage, kind)));
  return object;
}

Value ProcessValue(const boxlite_process_info* process) {
  Value object = Value::Object();
  std::vector<std::string> arguments = Texts(process, boxlite_process_info_arg);
  std::string command;
  for (const std::string& argument : arguments) command += (command.empty() ? "" : " ") + argument;
  std::string user = boxlite_process_info_user(process);
  int64_t uid = boxlite_process_info_uid(process);
  Set(object, "pid", boxlite_process_info_pid(process));
  Set(object, "ppid", boxlite_process_info_ppid(process));
  Set(object, "uid", uid);
  Set(object, "user", user.empty() ? std::to_string(uid).c_str() : user.c_str());
  const char state[] = {static_cast<char>(boxlite_process_info_state(process)), '\0'};
  Set(object, "state", state);
  Set(object, "cpu_ms", static_cast<int64_t>(boxlite_process_info_cpu_ms(process)));
  Set(object, "memory_bytes", static_cast<int64_t>(boxlite_process_info_memory_bytes(process)));
  Set(object, "started_at_ms", boxlite_process_info_started_at_ms(process));
  Set(object, "command", command.c_str());
  object.Set("arguments", TextsValue(arguments));
  return object;
}

Value CheckValue(const boxlite_doctor_report* report, size_t n) {
  Value object = Value::Object();
  Set(object, "name", boxlite_doctor_report_name(report, n));
  Set(object, "state", DoctorStateName(boxlite_doctor_report_state(report, n)));
  Set(object, "detail", boxlite_doctor_report_detail(report, n));
  Set(object, "hint", boxlite_doctor_report_hint(report, n));
  return object;
}

}  // namespace boxlite::cli
