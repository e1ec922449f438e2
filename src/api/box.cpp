// Boxes: create, find, start, stop, remove.
#include "api/handles.h"

namespace api = boxlite::api;
using boxlite::Code;
using boxlite::Error;
using boxlite::Result;

namespace {

constexpr boxlite_box_options kDefaults = BOXLITE_BOX_OPTIONS_INIT;
constexpr uint32_t kDefaultStopMs = 10'000;

Result<boxlite::box::BoxOptions> Read(const boxlite_box_options* given) {
  boxlite_box_options in = BOXLITE_TRY(api::ReadOptions(given, kDefaults));
  boxlite::box::BoxOptions options;
  if (in.image != nullptr && *in.image == '\0')
    return boxlite::Error(boxlite::Code::kInvalidArgument, "image is an empty text",
                          "Name an image, or set image to NULL for the default.");
  options.image = api::Text(in.image);
  options.rootfs_path = api::Text(in.rootfs_path);
  options.name = api::Text(in.name);
  options.cpus = in.cpus;
  options.memory_mib = in.memory_mib;
  options.env = BOXLITE_TRY(api::Texts(in.env, in.env_count, "env"));
  options.working_dir = api::Text(in.working_dir);
  options.user = api::Text(in.user);
  if (in.entrypoint_count > 0)
    options.entrypoint = BOXLITE_TRY(api::Texts(in.entrypoint, in.entrypoint_count, "entrypoint"));
  if (in.cmd_count > 0) options.cmd = BOXLITE_TRY(api::Texts(in.cmd, in.cmd_count, "cmd"));
  options.labels = BOXLITE_TRY(api::Texts(in.labels, in.label_count, "labels"));
  options.flags = in.flags;
  options.engine = BOXLITE_TRY(
      api::Enumerator<boxlite::proto::Engine>(in.engine, BOXLITE_ENGINE_QEMU, "engine"));
  options.isolation = BOXLITE_TRY(api::Enumerator<boxlite::proto::Isolation>(
      in.isolation, BOXLITE_ISOLATION_SOFTWARE, "isolation"));
  options.limits = {in.max_open_files, in.max_file_size_bytes, in.max_memory_bytes,
                    in.max_cpu_seconds, in.max_processes};
  return options;
}

}  // namespace

void boxlite_box_options_init(boxlite_box_options* options, size_t struct_size) {
  api::InitOptions(options, struct_size, kDefaults);
}

boxlite_status boxlite_box_create(boxlite_box** out, boxlite_runtime* rt,
                                  const boxlite_box_options* options, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    auto read = BOXLITE_TRY(Read(options));
    auto handle = std::make_unique<boxlite_box>();
    handle->runtime = rt->runtime;
    handle->id = BOXLITE_TRY(rt->runtime->CreateBox(read));
    *out = handle.release();
    return {};
  });
}

boxlite_status boxlite_box_get(boxlite_box** out, boxlite_runtime* rt, const char* id_or_name,
                               boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    BOXLITE_TRY(api::Need(id_or_name, "id_or_name"));
    auto handle = std::make_unique<boxlite_box>();
    handle->runtime = rt->runtime;
    handle->id = BOXLITE_TRY(rt->runtime->FindBox(id_or_name));
    *out = handle.release();
    return {};
  });
}

const char* boxlite_box_id(const boxlite_box* box) {
  return box == nullptr ? "" : box->id.c_str();
}

void boxlite_box_destroy(boxlite_box* box) {
  if (api::BelongsHere(box)) delete box;
}

boxlite_status boxlite_box_start(boxlite_box* box, boxlite_progress_cb progress,
                                 boxlite_done_cb done, void* user_data,
                                 boxlite_finalize_cb finalize, boxlite_operation** operation,
                                 boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    return box->runtime->StartBox(box->id, api::Progress(progress, user_data),
                                  api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_stop(boxlite_box* box, uint32_t timeout_ms, boxlite_done_cb done,
                                void* user_data, boxlite_finalize_cb finalize,
                                boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    return box->runtime->StopBox(box->id, timeout_ms == 0 ? kDefaultStopMs : timeout_ms,
                                 api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_wait(boxlite_box* box, boxlite_box_info_cb done, void* user_data,
                                boxlite_finalize_cb finalize, boxlite_operation** operation,
                                boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    boxlite::box::Callbacks<boxlite::store::BoxRecord> callbacks;
    callbacks.finalize = api::Finalizer(finalize, user_data);
    if (done != nullptr)
      callbacks.done = [done, user_data](const auto& result) {
        api::Complete(result, [&](boxlite_status status, const boxlite_error* error,
                                  const boxlite::store::BoxRecord* record) {
          if (record == nullptr) return done(user_data, status, error, nullptr);
          boxlite_box_info info{*record};
          done(user_data, status, error, &info);
        });
      };
    return box->runtime->WaitBox(box->id, std::move(callbacks));
  });
}

boxlite_status boxlite_box_remove(boxlite_box* box, uint32_t flags, boxlite_done_cb done,
                                  void* user_data, boxlite_finalize_cb finalize,
                                  boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    return box->runtime->RemoveBox(box->id, flags, api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_kill(boxlite_box* box, int number, boxlite_done_cb done, void* user_data,
                                boxlite_finalize_cb finalize, boxlite_operation** operation,
                                boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    return box->runtime->KillBox(box->id, number, api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_rename(boxlite_box* box, const char* name, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(box, "box"));
    return box->runtime->RenameBox(box->id, api::Text(name));
  });
}

boxlite_status boxlite_box_set_detached(boxlite_box* box, int detached, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(box, "box"));
    if (detached != 0 && detached != 1)
      return Error(Code::kInvalidArgument, "detached is neither 0 nor 1");
    return box->runtime->SetDetached(box->id, detached == 1);
  });
}
