#include "cli/json_output.h"

#include <jansson.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "cli/handles.h"

namespace boxlite::cli {
namespace {

struct Decref {
  void operator()(json_t* value) const { json_decref(value); }
};
using Json = std::unique_ptr<json_t, Decref>;

// Names of boxes and images are ASCII by their grammar; a label or a path may be any bytes, and
// JSON cannot say those.
json_t* Text(const char* text) {
  json_t* value = json_string(text);
  if (value != nullptr) return value;
  std::string ascii(text);
  for (char& c : ascii) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return json_string(ascii.c_str());
}

void Set(json_t* object, const char* key, const char* text) {
  json_object_set_new(object, key, Text(text));
}

void Set(json_t* object, const char* key, int64_t number) {
  json_object_set_new(object, key, json_integer(number));
}

int Print(const Json& document) {
  if (!document || json_dumpf(document.get(), stdout, JSON_INDENT(2)) != 0)
    return Fail("cannot write JSON to standard output");
  std::puts("");
  return 0;
}

json_t* Labels(const boxlite_box_info* box) {
  json_t* labels = json_object();
  for (size_t i = 0; const char* label = boxlite_box_info_label(box, i); ++i) {
    const char* equals = std::strchr(label, '=');
    std::string name(label,
                     equals == nullptr ? std::strlen(label) : static_cast<size_t>(equals - label));
    Set(labels, name.c_str(), equals == nullptr ? "" : equals + 1);
  }
  return labels;
}

json_t* Box(const boxlite_box_info* box) {
  json_t* object = json_object();
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
  Set(object, "exit_code", int64_t{boxlite_box_info_exit_code(box)});
  json_object_set_new(object, "labels", Labels(box));
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
  Json document(json_array());
  for (const boxlite_box_info* box : boxes) json_array_append_new(document.get(), Box(box));
  return Print(document);
}

int PrintImagesJson(const boxlite_image_list* images) {
  Json document(json_array());
  for (size_t i = 0; i < boxlite_image_list_size(images); ++i) {
    const boxlite_image_info* image = boxlite_image_list_get(images, i);
    json_t* object = json_object();
    Set(object, "reference", boxlite_image_info_reference(image));
    Set(object, "digest", boxlite_image_info_digest(image));
    Set(object, "source", boxlite_image_info_source(image));
    Set(object, "size", static_cast<int64_t>(boxlite_image_info_size(image)));
    Set(object, "pulled_at_ms", boxlite_image_info_pulled_at_ms(image));
    json_array_append_new(document.get(), object);
  }
  return Print(document);
}

int PrintVersionJson() {
  Json document(json_object());
  Set(document.get(), "version", boxlite_version_string());
  return Print(document);
}

int PrintDoctorJson(const boxlite_doctor_report* report) {
  Json document(json_array());
  for (size_t i = 0; i < boxlite_doctor_report_size(report); ++i) {
    json_t* object = json_object();
    Set(object, "name", boxlite_doctor_report_name(report, i));
    Set(object, "state", DoctorStateName(boxlite_doctor_report_state(report, i)));
    Set(object, "detail", boxlite_doctor_report_detail(report, i));
    Set(object, "hint", boxlite_doctor_report_hint(report, i));
    json_array_append_new(document.get(), object);
  }
  return Print(document);
}

}  // namespace boxlite::cli
