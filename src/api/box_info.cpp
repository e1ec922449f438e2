// What the records say of boxes.
#include "api/handles.h"

namespace api = boxlite::api;
using boxlite::Result;

boxlite_status boxlite_box_get_info(boxlite_box_info** out, const boxlite_box* box,
                                    boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(box, "box"));
    auto record = BOXLITE_TRY(box->runtime->BoxInfo(box->id));
    *out = new boxlite_box_info{std::move(record)};
    return {};
  });
}

void boxlite_box_info_destroy(boxlite_box_info* info) {
  delete info;
}

const char* boxlite_box_info_id(const boxlite_box_info* info) {
  return info == nullptr ? "" : info->record.id.c_str();
}
const char* boxlite_box_info_name(const boxlite_box_info* info) {
  return info == nullptr ? "" : info->record.name.c_str();
}
const char* boxlite_box_info_image(const boxlite_box_info* info) {
  return info == nullptr ? "" : info->record.image.c_str();
}
const char* boxlite_box_info_rootfs_path(const boxlite_box_info* info) {
  return info == nullptr ? "" : info->record.rootfs_path.c_str();
}
boxlite_box_state boxlite_box_info_state(const boxlite_box_info* info) {
  if (info == nullptr) return BOXLITE_BOX_STATE_CREATED;
  return static_cast<boxlite_box_state>(info->record.state);
}
const char* boxlite_box_state_name(boxlite_box_state state) {
  auto known = api::Enumerator<boxlite::store::BoxState>(state, BOXLITE_BOX_STATE_STOPPED, "state");
  return known.ok() ? boxlite::store::BoxStateName(known.value()) : "unknown";
}
int64_t boxlite_box_info_pid(const boxlite_box_info* info) {
  bool active = info != nullptr && boxlite::store::IsActive(info->record.state);
  return active ? info->record.process.pid : 0;
}
int64_t boxlite_box_info_created_at_ms(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.created_at_ms;
}
int64_t boxlite_box_info_started_at_ms(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.started_at_ms;
}
int64_t boxlite_box_info_stopped_at_ms(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.stopped_at_ms;
}
uint32_t boxlite_box_info_cpus(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.cpus;
}
uint32_t boxlite_box_info_memory_mib(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.memory_mib;
}
uint32_t boxlite_box_info_flags(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.flags;
}
uint64_t boxlite_box_info_max_open_files(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.limits.open_files;
}
uint64_t boxlite_box_info_max_file_size_bytes(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.limits.file_size_bytes;
}
uint64_t boxlite_box_info_max_memory_bytes(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.limits.memory_bytes;
}
uint64_t boxlite_box_info_max_cpu_seconds(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.limits.cpu_seconds;
}
uint64_t boxlite_box_info_max_processes(const boxlite_box_info* info) {
  return info == nullptr ? 0 : info->record.limits.processes;
}
boxlite_engine boxlite_box_info_engine(const boxlite_box_info* info) {
  return info == nullptr ? BOXLITE_ENGINE_AUTO : static_cast<boxlite_engine>(info->record.engine);
}
const char* boxlite_box_info_engine_reason(const boxlite_box_info* info) {
  return info == nullptr ? "" : info->record.engine_reason.c_str();
}
boxlite_isolation boxlite_box_info_isolation(const boxlite_box_info* info) {
  if (info == nullptr) return BOXLITE_ISOLATION_ANY;
  return static_cast<boxlite_isolation>(info->record.isolation);
}
const char* boxlite_box_info_jail(const boxlite_box_info* info) {
  return info == nullptr ? "" : info->record.jail.c_str();
}
boxlite_exit_reason boxlite_box_info_exit_reason(const boxlite_box_info* info) {
  if (info == nullptr) return BOXLITE_EXIT_REASON_NONE;
  return static_cast<boxlite_exit_reason>(info->record.exit_reason);
}

const char* boxlite_exit_reason_name(boxlite_exit_reason reason) {
  switch (reason) {
    case BOXLITE_EXIT_REASON_NONE:
      return "none";
    case BOXLITE_EXIT_REASON_STOPPED:
      return "stopped";
    case BOXLITE_EXIT_REASON_MAIN_EXITED:
      return "main_exited";
    case BOXLITE_EXIT_REASON_RESET:
      return "reset";
    case BOXLITE_EXIT_REASON_PANIC:
      return "panic";
    case BOXLITE_EXIT_REASON_OUT_OF_MEMORY:
      return "out_of_memory";
    case BOXLITE_EXIT_REASON_KILLED:
      return "killed";
    case BOXLITE_EXIT_REASON_ENGINE:
      return "engine";
    case BOXLITE_EXIT_REASON_BOOT:
      return "boot";
    case BOXLITE_EXIT_REASON_LIFELINE:
      return "lifeline";
  }
  return "unknown";
}

const char* boxlite_box_info_exit_detail(const boxlite_box_info* info) {
  return info == nullptr ? "" : info->record.exit_detail.c_str();
}
int boxlite_box_info_exit_code(const boxlite_box_info* info) {
  static_assert(BOXLITE_EXIT_CODE_NONE == boxlite::store::kNoExitCode);
  return info == nullptr ? BOXLITE_EXIT_CODE_NONE : info->record.exit_code;
}
const char* boxlite_box_info_label(const boxlite_box_info* info, size_t n) {
  if (info == nullptr || n >= info->record.labels.size()) return nullptr;
  return info->record.labels[n].c_str();
}

boxlite_status boxlite_box_list_create(boxlite_box_list** out, boxlite_runtime* rt,
                                       boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    auto records = BOXLITE_TRY(rt->runtime->ListBoxes());
    auto list = std::make_unique<boxlite_box_list>();
    for (auto& record : records) list->infos.push_back({std::move(record)});
    *out = list.release();
    return {};
  });
}

size_t boxlite_box_list_size(const boxlite_box_list* list) {
  return list == nullptr ? 0 : list->infos.size();
}
const boxlite_box_info* boxlite_box_list_get(const boxlite_box_list* list, size_t n) {
  return list == nullptr || n >= list->infos.size() ? nullptr : &list->infos[n];
}
void boxlite_box_list_destroy(boxlite_box_list* list) {
  delete list;
}
