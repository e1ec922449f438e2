// room: json
// JSON as a registry, an image or QEMU would send it: any text.
#include "json/json.h"

namespace {

void Walk(const boxlite::json::Value& value) {
  static_cast<void>(value.AsText());
  static_cast<void>(value.AsInteger());
  auto names = value.Names(1000);
  if (names.ok()) {
    for (const std::string& name : names.value()) Walk(value[name]);
  }
  auto elements = value.Elements(1000);
  if (!elements.ok()) return;
  for (const boxlite::json::Value& element : elements.value()) Walk(element);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto value =
      boxlite::json::Parse(std::string_view(reinterpret_cast<const char*>(data), size), 1 << 20);
  if (!value.ok()) return 0;
  Walk(value.value());
  static_cast<void>(value.value().Dump());
  return 0;
}
