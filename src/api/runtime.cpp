#include "api/handles.h"

namespace api = boxlite::api;
using boxlite::Result;

namespace {

constexpr boxlite_runtime_options kDefaults = BOXLITE_RUNTIME_OPTIONS_INIT;
constexpr uint32_t kDefaultShutdownMs = 10'000;

boxlite::Log::Sink LogSink(boxlite_log_cb log, void* user_data) {
  if (log == nullptr) return nullptr;
  return [log, user_data](boxlite::LogLevel level, std::string_view line) {
    log(user_data, static_cast<boxlite_log_level>(level), std::string(line).c_str());
  };
}

Result<boxlite::box::RuntimeOptions> Read(const boxlite_runtime_options* given) {
  boxlite_runtime_options in = BOXLITE_TRY(api::ReadOptions(given, kDefaults));
  boxlite::box::RuntimeOptions options;
  options.home_dir = api::Text(in.home_dir);
  options.image_registries =
      BOXLITE_TRY(api::Texts(in.image_registries, in.image_registry_count, "image_registries"));
  options.flags = in.flags;
  options.engine = BOXLITE_TRY(
      api::Enumerator<boxlite::proto::Engine>(in.engine, BOXLITE_ENGINE_QEMU, "engine"));
  options.log_level = BOXLITE_TRY(
      api::Enumerator<boxlite::LogLevel>(in.log_level, BOXLITE_LOG_LEVEL_TRACE, "log_level"));
  options.log = LogSink(in.log, in.log_user_data);
  options.log_finalize = api::Finalizer(in.log_finalize, in.log_user_data);
  return options;
}

}  // namespace

void boxlite_runtime_options_init(boxlite_runtime_options* options, size_t struct_size) {
  api::InitOptions(options, struct_size, kDefaults);
}

boxlite_status boxlite_runtime_create(boxlite_runtime** out, const boxlite_runtime_options* options,
                                      boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    auto read = BOXLITE_TRY(Read(options));
    auto handle = std::make_unique<boxlite_runtime>();
    handle->runtime = BOXLITE_TRY(boxlite::box::Runtime::Create(std::move(read)));
    *out = handle.release();
    return {};
  });
}

int boxlite_runtime_fd(const boxlite_runtime* rt) {
  return rt == nullptr || rt->runtime->InForkedChild() ? -1 : rt->runtime->fd();
}

int boxlite_runtime_drain(boxlite_runtime* rt, int timeout_ms) {
  int count = 0;
  boxlite_status status = api::Guard(nullptr, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    // A callback may destroy the handle.
    std::shared_ptr<boxlite::box::Runtime> runtime = rt->runtime;
    count = BOXLITE_TRY(runtime->Drain(timeout_ms));
    return {};
  });
  return status == BOXLITE_OK ? count : -static_cast<int>(status);
}

boxlite_status boxlite_runtime_shutdown(boxlite_runtime* rt, uint32_t timeout_ms,
                                        boxlite_done_cb done, void* user_data,
                                        boxlite_finalize_cb finalize, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(rt, "rt"));
    return rt->runtime->Shutdown(timeout_ms == 0 ? kDefaultShutdownMs : timeout_ms,
                                 api::DoneCallbacks(done, user_data, finalize));
  });
}

void boxlite_runtime_destroy(boxlite_runtime* rt) {
  if (!api::BelongsHere(rt)) return;
  std::unique_ptr<boxlite_runtime> handle(rt);
  api::Guard(nullptr, [&]() -> Result<void> {
    handle->runtime->Destroy();
    return {};
  });
}
