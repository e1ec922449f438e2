#include "cli/json_output.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "cli/handles.h"
#include "json/json.h"

namespace boxlite::cli {
namespace {

using json::Value;

// Names of boxes and images are ASCII by their grammar; a label or a path may be any bytes, and
// JSON cannot say those.
Value Text(std::string text) {
  Value value = Value::OfText(text);
  if (!value.is_null()) return value;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return Value::OfText(text);
}

void Set(Value& object, const char* key, const char* text) {
  object.Set(key, Text(text));
}

void Set(Value& object, const char* key, int64_t number) {
  object.Set(key, Value::OfInteger(number));
}

int Print(const Value& document) {
  if (std::puts(document.Dump().c_str()) >= 0 && std::fflush(stdout) == 0) return 0;
  return Fail("cannot write JSON to standard output");
}

Value Labels(const boxlite_box_info* box) {
  Value labels = Value::Object();
  for (size_t i = 0; const char* label = boxlite_box_info_label(box, i); ++i) {
    std::string text(label);
    size_t equals = std::min(text.find('='), text.size());
    std::string value = equals == text.size() ? "" : text.substr(equals + 1);
    Set(labels, text.substr(0, equals).c_str(), value.c_str());
  }
  return labels;
}

Value Box(const boxlite_box_info* box) {
  Value object = Value::Object();
  Set(object, "id", boxlite_box_info_id(box));
  Set(object, "name", boxlite_box_info_name(box));
  Set(object, "image", boxlite_box_info_image(box));
  Set(object, "rootfs_path", boxlite_box_info_rootfs_path(box));
  Set(object, "state", boxlite_box_state_name(boxlite_box_info_state(box)));
  Set(object, "pid", boxlite_box_info_pid(box));
  Set(object, "cpus", int64_t{boxlite_box_info_cpus(box)});
  Set(object, "memory_mib", int64_t{boxlite_box_info_memory_mib(box)});
  Set(object, "created_at_ms", boxlite_box_info_created_at_ms(box));
  Set(object, "started_at_ms", boxlite_box_info_started_at_ms(box));
  Set(object, "stopped_at_ms", boxlite_box_info_stopped_at_ms(box));
  Set(object, "engine", EngineName(boxlite_box_info_engine(box)));
  Set(object, "engine_reason", boxlite_box_info_engine_reason(box));
  Set(object, "isolation", IsolationName(boxlite_box_info_isolation(box)));
  Set(object, "exit_reason", boxlite_exit_reason_name(boxlite_box_info_exit_reason(box)));
  Set(object, "exit_detail", boxlite_box_info_exit_detail(box));
  int exit_code = boxlite_box_info_exit_code(box);
  object.Set("exit_code",
             exit_code == BOXLITE_EXIT_CODE_NONE ? Value() : Value::OfInteger(exit_code));
  object.Set("labels", Labels(box));
  return object;
}

}  // namespace

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

int PrintBoxesJson(const std::vector<const boxlite_box_info*>& boxes) {
  Value document = Value::Array();
  for (const boxlite_box_info* box : boxes) document.Append(Box(box));
  return Print(document);
}

int PrintImagesJson(const boxlite_image_list* images) {
  Value document = Value::Array();
  for (size_t i = 0; i < boxlite_image_list_size(images); ++i) {
    const boxlite_image_info* image = boxlite_image_list_get(images, i);
    Value object = Value::Object();
    Set(object, "reference", boxlite_image_info_reference(image));
    Set(object, "digest", boxlite_image_info_digest(image));
    Set(object, "source", boxlite_image_info_source(image));
    Set(object, "size", static_cast<int64_t>(boxlite_image_info_size(image)));
    Set(object, "pulled_at_ms", boxlite_image_info_pulled_at_ms(image));
    document.Append(object);
  }
  return Print(document);
}

int PrintVersionJson() {
  Value document = Value::Object();
  Set(document, "version", boxlite_version_string());
  return Print(document);
}

int PrintDoctorJson(const boxlite_doctor_report* report) {
  Value document = Value::Array();
  for (size_t i = 0; i < boxlite_doctor_report_size(report); ++i) {
    Value object = Value::Object();
    Set(object, "name", boxlite_doctor_report_name(report, i));
    Set(object, "state", DoctorStateName(boxlite_doctor_report_state(report, i)));
    Set(object, "detail", boxlite_doctor_report_detail(report, i));
    Set(object, "hint", boxlite_doctor_report_hint(report, i));
    document.Append(object);
  }
  return Print(document);
}

}  // namespace boxlite::cli
