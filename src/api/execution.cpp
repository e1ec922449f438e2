#include "api/handles.h"

namespace api = boxlite::api;
using boxlite::Result;

namespace {

constexpr boxlite_exec_options kDefaults = BOXLITE_EXEC_OPTIONS_INIT;

Result<boxlite::box::ExecOptions> Read(const boxlite_exec_options& in) {
  boxlite::box::ExecOptions options;
  options.argv = BOXLITE_TRY(api::Texts(in.argv, in.argc, "argv"));
  options.env = BOXLITE_TRY(api::Texts(in.env, in.env_count, "env"));
  options.cwd = api::Text(in.cwd);
  options.user = api::Text(in.user);
  options.flags = in.flags;
  options.rows = in.rows;
  options.columns = in.columns;
  options.timeout_ms = in.timeout_ms;
  return options;
}

boxlite::box::ExecSinks Sinks(const boxlite_exec_options& in) {
  boxlite::box::ExecSinks sinks;
  if (in.on_start != nullptr)
    sinks.started = [call = in.on_start, user_data = in.user_data](uint32_t pid) {
      call(user_data, pid);
    };
  sinks.output = api::Data(in.on_stdout, in.user_data);
  sinks.error = api::Data(in.on_stderr, in.user_data);
  return sinks;
}

boxlite::box::Callbacks<boxlite::box::Execution::Exit> Callbacks(const boxlite_exec_options& in) {
  boxlite::box::Callbacks<boxlite::box::Execution::Exit> callbacks;
  callbacks.finalize = api::Finalizer(in.finalize, in.user_data);
  if (in.on_exit == nullptr) return callbacks;
  callbacks.done = [call = in.on_exit, user_data = in.user_data](const auto& result) {
    api::Complete(result, [&](boxlite_status status, const boxlite_error* err, const auto* exit) {
      if (exit == nullptr) return call(user_data, status, err, nullptr);
      boxlite_exec_result value{*exit};
      call(user_data, status, err, &value);
    });
  };
  return callbacks;
}

}  // namespace

void boxlite_exec_options_init(boxlite_exec_options* options, size_t struct_size) {
  api::InitOptions(options, struct_size, kDefaults);
}

boxlite_status boxlite_box_exec(boxlite_execution** out, boxlite_box* box,
                                const boxlite_exec_options* options, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(box, "box"));
    BOXLITE_TRY(api::Need(options, "options"));
    boxlite_exec_options in = BOXLITE_TRY(api::ReadOptions(options, kDefaults));
    auto read = BOXLITE_TRY(Read(in));
    auto handle = std::make_unique<boxlite_execution>();
    handle->runtime = box->runtime;
    handle->execution =
        BOXLITE_TRY(box->runtime->Exec(box->id, std::move(read), Sinks(in), Callbacks(in)));
    *out = handle.release();
    return {};
  });
}

const char* boxlite_execution_id(const boxlite_execution* execution) {
  return execution == nullptr ? "" : execution->execution->id().c_str();
}

boxlite_status boxlite_execution_write_stdin(boxlite_execution* execution, const void* data,
                                             size_t size, boxlite_done_cb done, void* user_data,
                                             boxlite_finalize_cb finalize, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(execution, "execution"));
    if (size > 0) BOXLITE_TRY(api::Need(data, "data"));
    const auto* bytes = static_cast<const uint8_t*>(data);
    return execution->execution->WriteStdin(boxlite::Bytes(bytes, bytes + size),
                                            api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_execution_close_stdin(boxlite_execution* execution, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(execution, "execution"));
    return execution->execution->CloseStdin();
  });
}

boxlite_status boxlite_execution_signal(boxlite_execution* execution, int number,
                                        boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(execution, "execution"));
    return execution->execution->Signal(number);
  });
}

boxlite_status boxlite_execution_kill(boxlite_execution* execution, int number,
                                      boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(execution, "execution"));
    return execution->execution->Kill(number);
  });
}

boxlite_status boxlite_execution_resize(boxlite_execution* execution, uint16_t rows,
                                        uint16_t columns, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(execution, "execution"));
    return execution->execution->Resize(rows, columns);
  });
}

boxlite_status boxlite_execution_consume(boxlite_execution* execution, boxlite_stream stream,
                                         size_t size, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(execution, "execution"));
    if (stream != BOXLITE_STREAM_STDOUT && stream != BOXLITE_STREAM_STDERR)
      return boxlite::Error(boxlite::Code::kInvalidArgument,
                            "stream is neither BOXLITE_STREAM_STDOUT nor BOXLITE_STREAM_STDERR");
    return execution->execution->Consume(stream == BOXLITE_STREAM_STDOUT
                                             ? boxlite::proto::Channel::kOutput
                                             : boxlite::proto::Channel::kError,
                                         size);
  });
}

void boxlite_execution_destroy(boxlite_execution* execution) {
  if (api::BelongsHere(execution)) delete execution;
}

int boxlite_exec_result_exit_code(const boxlite_exec_result* result) {
  return result == nullptr ? -1 : result->closed.exit_code;
}
int boxlite_exec_result_timed_out(const boxlite_exec_result* result) {
  return result != nullptr && result->closed.timed_out != 0 ? 1 : 0;
}
uint64_t boxlite_exec_result_duration_ms(const boxlite_exec_result* result) {
  return result == nullptr ? 0 : result->closed.duration_ms;
}
