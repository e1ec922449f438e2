// What is known of an image, and what the home directory takes on the disk.
#include "api/handles.h"

namespace api = boxlite::api;
using boxlite::Result;

const char* boxlite_image_info_reference(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.reference.c_str();
}
const char* boxlite_image_info_digest(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.digest.c_str();
}
const char* boxlite_image_info_source(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.source.c_str();
}
uint64_t boxlite_image_info_size(const boxlite_image_info* info) {
  return info == nullptr ? 0 : info->record.size;
}
int64_t boxlite_image_info_pulled_at_ms(const boxlite_image_info* info) {
  return info == nullptr ? 0 : info->record.pulled_at_ms;
}
void boxlite_image_info_destroy(boxlite_image_info* info) {
  delete info;
}
const char* boxlite_image_info_reference_at(const boxlite_image_info* info, size_t n) {
  return info == nullptr ? nullptr : api::TextAt(info->record.references, n);
}
const char* boxlite_image_info_config_digest(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.config_digest.c_str();
}
const char* boxlite_image_info_created(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.created.c_str();
}
const char* boxlite_image_info_os(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.os.c_str();
}
const char* boxlite_image_info_architecture(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.architecture.c_str();
}
uint64_t boxlite_image_info_unpacked_size(const boxlite_image_info* info) {
  return info == nullptr ? 0 : info->record.disk_bytes;
}
const char* boxlite_image_info_entrypoint(const boxlite_image_info* info, size_t n) {
  return info == nullptr ? nullptr : api::TextAt(info->record.entrypoint, n);
}
const char* boxlite_image_info_cmd(const boxlite_image_info* info, size_t n) {
  return info == nullptr ? nullptr : api::TextAt(info->record.cmd, n);
}
const char* boxlite_image_info_env(const boxlite_image_info* info, size_t n) {
  return info == nullptr ? nullptr : api::TextAt(info->record.env, n);
}
const char* boxlite_image_info_label(const boxlite_image_info* info, size_t n) {
  return info == nullptr ? nullptr : api::TextAt(info->record.labels, n);
}
const char* boxlite_image_info_working_dir(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.working_dir.c_str();
}
const char* boxlite_image_info_user(const boxlite_image_info* info) {
  return info == nullptr ? "" : info->record.user.c_str();
}

size_t boxlite_image_info_layer_count(const boxlite_image_info* info) {
  return info == nullptr ? 0 : info->record.layers.size();
}
const char* boxlite_image_info_layer_digest(const boxlite_image_info* info, size_t n) {
  return n >= boxlite_image_info_layer_count(info) ? nullptr
                                                   : info->record.layers[n].digest.c_str();
}
const char* boxlite_image_info_layer_diff_id(const boxlite_image_info* info, size_t n) {
  return n >= boxlite_image_info_layer_count(info) ? nullptr
                                                   : info->record.layers[n].diff_id.c_str();
}
uint64_t boxlite_image_info_layer_size(const boxlite_image_info* info, size_t n) {
  return n >= boxlite_image_info_layer_count(info) ? 0 : info->record.layers[n].size;
}

size_t boxlite_image_info_history_count(const boxlite_image_info* info) {
  return info == nullptr ? 0 : info->record.history.size();
}
const char* boxlite_image_info_history_created(const boxlite_image_info* info, size_t n) {
  return n >= boxlite_image_info_history_count(info) ? nullptr
                                                     : info->record.history[n].created.c_str();
}
const char* boxlite_image_info_history_created_by(const boxlite_image_info* info, size_t n) {
  return n >= boxlite_image_info_history_count(info) ? nullptr
                                                     : info->record.history[n].created_by.c_str();
}
const char* boxlite_image_info_history_comment(const boxlite_image_info* info, size_t n) {
  return n >= boxlite_image_info_history_count(info) ? nullptr
                                                     : info->record.history[n].comment.c_str();
}
int64_t boxlite_image_info_history_layer(const boxlite_image_info* info, size_t n) {
  return info == nullptr ? -1 : boxlite::store::LayerOfStep(info->record, n);
}

boxlite_status boxlite_disk_usage_create(boxlite_disk_usage** out, boxlite_runtime* rt,
                                         boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    auto usage = BOXLITE_TRY(rt->runtime->DiskUsage());
    *out = new boxlite_disk_usage{usage};
    return {};
  });
}
void boxlite_disk_usage_destroy(boxlite_disk_usage* usage) {
  delete usage;
}

static boxlite::store::SpaceUse UseOf(const boxlite_disk_usage* usage, boxlite_disk_kind kind) {
  if (usage == nullptr) return {};
  switch (kind) {
    case BOXLITE_DISK_KIND_IMAGES:
      return usage->usage.images;
    case BOXLITE_DISK_KIND_ROOTFS:
      return usage->usage.rootfs;
    case BOXLITE_DISK_KIND_BOXES:
      return usage->usage.boxes;
    case BOXLITE_DISK_KIND_CACHE:
      return usage->usage.cache;
  }
  return {};
}

uint64_t boxlite_disk_usage_count(const boxlite_disk_usage* usage, boxlite_disk_kind kind) {
  return UseOf(usage, kind).count;
}
uint64_t boxlite_disk_usage_active(const boxlite_disk_usage* usage, boxlite_disk_kind kind) {
  return UseOf(usage, kind).active;
}
uint64_t boxlite_disk_usage_bytes(const boxlite_disk_usage* usage, boxlite_disk_kind kind) {
  return UseOf(usage, kind).bytes;
}
uint64_t boxlite_disk_usage_reclaimable(const boxlite_disk_usage* usage, boxlite_disk_kind kind) {
  return UseOf(usage, kind).reclaimable;
}
