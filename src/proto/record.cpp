#include "proto/record.h"

namespace boxlite::proto::internal {

void AppendField(Bytes& out, uint16_t tag, ByteSpan value) {
  AppendLe<uint16_t>(out, tag);
  AppendLe<uint32_t>(out, static_cast<uint32_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
}

Result<std::vector<Field>> SplitFields(ByteSpan payload) {
  std::vector<Field> fields;
  ByteReader reader(payload);
  while (!reader.empty()) {
    Field field;
    field.tag = reader.Take<uint16_t>();
    auto length = reader.Take<uint32_t>();
    field.value = reader.TakeBytes(length);
    if (!reader.ok()) return Error(Code::kInternal, "malformed record: it ends inside a field");
    if (fields.size() == kMaxFields)
      return Error(Code::kInternal, "malformed record: too many fields");
    fields.push_back(field);
  }
  return fields;
}

Error FieldError(uint16_t tag, const char* what) {
  return Error(Code::kInternal, "malformed record: field " + std::to_string(tag) + " " + what);
}

}  // namespace boxlite::proto::internal
