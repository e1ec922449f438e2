// Images, and the doctor. What an image_info has to say: image_info.cpp.
#include "api/handles.h"

namespace api = boxlite::api;
using boxlite::Result;

boxlite_status boxlite_image_pull(boxlite_runtime* rt, const char* reference,
                                  boxlite_progress_cb progress, boxlite_image_cb done,
                                  void* user_data, boxlite_finalize_cb finalize,
                                  boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(rt, "rt", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::Need(reference, "reference"));
    boxlite::box::Callbacks<boxlite::store::ImageRecord> callbacks;
    callbacks.finalize = api::Finalizer(finalize, user_data);
    if (done != nullptr)
      callbacks.done = [done, user_data](const auto& result) {
        api::Complete(result, [&](boxlite_status status, const boxlite_error* error,
                                  const boxlite::store::ImageRecord* record) {
          if (record == nullptr) return done(user_data, status, error, nullptr);
          boxlite_image_info info{*record};
          done(user_data, status, error, &info);
        });
      };
    return rt->runtime->PullImage(reference, api::Progress(progress, user_data),
                                  std::move(callbacks));
  });
}

boxlite_status boxlite_image_remove(boxlite_runtime* rt, const char* reference,
                                    boxlite_done_cb done, void* user_data,
                                    boxlite_finalize_cb finalize, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    BOXLITE_TRY(api::Need(reference, "reference"));
    return rt->runtime->RemoveImage(reference, api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_image_list_create(boxlite_image_list** out, boxlite_runtime* rt,
                                         boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    auto records = BOXLITE_TRY(rt->runtime->ListImages());
    auto list = std::make_unique<boxlite_image_list>();
    for (auto& record : records) list->infos.push_back({std::move(record)});
    *out = list.release();
    return {};
  });
}

size_t boxlite_image_list_size(const boxlite_image_list* list) {
  return list == nullptr ? 0 : list->infos.size();
}
const boxlite_image_info* boxlite_image_list_get(const boxlite_image_list* list, size_t n) {
  return list == nullptr || n >= list->infos.size() ? nullptr : &list->infos[n];
}
void boxlite_image_list_destroy(boxlite_image_list* list) {
  delete list;
}

boxlite_status boxlite_image_get_info(boxlite_image_info** out, boxlite_runtime* rt,
                                      const char* name, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    BOXLITE_TRY(api::Need(name, "name"));
    auto record = BOXLITE_TRY(rt->runtime->ImageInfo(name));
    *out = new boxlite_image_info{std::move(record)};
    return {};
  });
}

boxlite_status boxlite_image_tag(boxlite_runtime* rt, const char* name, const char* reference,
                                 boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    BOXLITE_TRY(api::Need(name, "name"));
    BOXLITE_TRY(api::Need(reference, "reference"));
    return rt->runtime->TagImage(name, reference);
  });
}

boxlite_status boxlite_image_load(boxlite_runtime* rt, int fd, const char* name,
                                  boxlite_progress_cb progress, boxlite_image_list_cb done,
                                  void* user_data, boxlite_finalize_cb finalize,
                                  boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(rt, "rt", operation, err, [&]() -> api::Started {
    boxlite::box::Callbacks<std::vector<boxlite::store::ImageRecord>> callbacks;
    callbacks.finalize = api::Finalizer(finalize, user_data);
    if (done != nullptr)
      callbacks.done = [done, user_data](const auto& result) {
        api::Complete(result,
                      [&](boxlite_status status, const boxlite_error* error, const auto* records) {
                        if (records == nullptr) return done(user_data, status, error, nullptr);
                        boxlite_image_list list;
                        for (const auto& record : *records) list.infos.push_back({record});
                        done(user_data, status, error, &list);
                      });
      };
    return rt->runtime->LoadImages(fd, api::Text(name), api::Progress(progress, user_data),
                                   std::move(callbacks));
  });
}

boxlite_status boxlite_image_save(boxlite_runtime* rt, const char* const* names, size_t name_count,
                                  int fd, boxlite_progress_cb progress, boxlite_done_cb done,
                                  void* user_data, boxlite_finalize_cb finalize,
                                  boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(rt, "rt", operation, err, [&]() -> api::Started {
    auto texts = BOXLITE_TRY(api::Texts(names, name_count, "names"));
    return rt->runtime->SaveImages(texts, fd, api::Progress(progress, user_data),
                                   api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_image_prune(boxlite_runtime* rt, uint32_t flags, boxlite_prune_cb done,
                                   void* user_data, boxlite_finalize_cb finalize,
                                   boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(rt, "rt", operation, err, [&]() -> api::Started {
    boxlite::box::Callbacks<boxlite::store::PruneReport> callbacks;
    callbacks.finalize = api::Finalizer(finalize, user_data);
    if (done != nullptr)
      callbacks.done = [done, user_data](const auto& result) {
        api::Complete(result,
                      [&](boxlite_status status, const boxlite_error* error, const auto* pruned) {
                        if (pruned == nullptr) return done(user_data, status, error, nullptr);
                        boxlite_prune_report report{*pruned};
                        done(user_data, status, error, &report);
                      });
      };
    return rt->runtime->PruneImages(flags, std::move(callbacks));
  });
}

const char* boxlite_prune_report_reference(const boxlite_prune_report* report, size_t n) {
  return report == nullptr ? nullptr : api::TextAt(report->report.references, n);
}
uint64_t boxlite_prune_report_bytes(const boxlite_prune_report* report) {
  return report == nullptr ? 0 : report->report.bytes;
}

boxlite_status boxlite_runtime_doctor(boxlite_runtime* rt, boxlite_doctor_cb done, void* user_data,
                                      boxlite_finalize_cb finalize, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    boxlite::box::Callbacks<boxlite::box::DoctorReport> callbacks;
    callbacks.finalize = api::Finalizer(finalize, user_data);
    if (done != nullptr)
      callbacks.done = [done, user_data](const auto& result) {
        api::Complete(result, [&](boxlite_status status, const boxlite_error* error,
                                  const boxlite::box::DoctorReport* lines) {
          if (lines == nullptr) return done(user_data, status, error, nullptr);
          boxlite_doctor_report report{*lines};
          done(user_data, status, error, &report);
        });
      };
    return rt->runtime->Doctor(std::move(callbacks));
  });
}

size_t boxlite_doctor_report_size(const boxlite_doctor_report* report) {
  return report == nullptr ? 0 : report->lines.size();
}
const char* boxlite_doctor_report_name(const boxlite_doctor_report* report, size_t n) {
  return n >= boxlite_doctor_report_size(report) ? nullptr : report->lines[n].name.c_str();
}
boxlite_doctor_state boxlite_doctor_report_state(const boxlite_doctor_report* report, size_t n) {
  if (n >= boxlite_doctor_report_size(report)) return BOXLITE_DOCTOR_STATE_OK;
  return static_cast<boxlite_doctor_state>(report->lines[n].state);
}
const char* boxlite_doctor_report_detail(const boxlite_doctor_report* report, size_t n) {
  return n >= boxlite_doctor_report_size(report) ? nullptr : report->lines[n].detail.c_str();
}
const char* boxlite_doctor_report_hint(const boxlite_doctor_report* report, size_t n) {
  return n >= boxlite_doctor_report_size(report) ? nullptr : report->lines[n].hint.c_str();
}
