#include "api/handles.h"

namespace boxlite::api {

boxlite_status Report(Error error, boxlite_error** err) noexcept {
  auto status = static_cast<boxlite_status>(error.code());
  if (err != nullptr) *err = new (std::nothrow) boxlite_error{std::move(error)};
  return status;
}

Result<void> Need(const void* argument, const char* name) {
  if (argument != nullptr) return {};
  return Error(Code::kInvalidArgument, std::string(name) + " is NULL");
}

Result<void> NeedPath(const char* path, const char* name) {
  BOXLITE_TRY(Need(path, name));
  if (path[0] == '/') return {};
  return Error(Code::kInvalidArgument,
               std::string(name) + " \"" + std::string(path) + "\" is not absolute");
}

Result<std::vector<std::string>> Texts(const char* const* texts, size_t count, const char* name) {
  std::vector<std::string> result;
  if (count > 0) BOXLITE_TRY(Need(texts, name));
  for (size_t i = 0; i < count; ++i) {
    if (texts[i] == nullptr)
      return Error(Code::kInvalidArgument,
                   std::string(name) + "[" + std::to_string(i) + "] is NULL");
    result.emplace_back(texts[i]);
  }
  return result;
}

std::function<void()> Finalizer(boxlite_finalize_cb finalize, void* user_data) {
  if (finalize == nullptr) return nullptr;
  return [finalize, user_data] { finalize(user_data); };
}

box::Callbacks<void> DoneCallbacks(boxlite_done_cb done, void* user_data,
                                   boxlite_finalize_cb finalize) {
  box::Callbacks<void> callbacks;
  callbacks.finalize = Finalizer(finalize, user_data);
  if (done == nullptr) return callbacks;
  callbacks.done = [done, user_data](const Result<void>& result) {
    if (result.ok()) return done(user_data, BOXLITE_OK, nullptr);
    boxlite_error error{result.error()};
    done(user_data, static_cast<boxlite_status>(result.error().code()), &error);
  };
  return callbacks;
}

box::ProgressSink Progress(boxlite_progress_cb progress, void* user_data) {
  if (progress == nullptr) return nullptr;
  return [progress, user_data](const proto::ProgressEvent& event) {
    boxlite_progress state{};
    state.phase = static_cast<boxlite_phase>(event.phase);
    state.layers_total = event.layers_total;
    state.layers_done = event.layers_done;
    state.bytes_total = event.bytes_total;
    state.bytes_done = event.bytes_done;
    progress(user_data, &state);
  };
}

std::function<void(ByteSpan)> Data(boxlite_data_cb callback, void* user_data) {
  if (callback == nullptr) return nullptr;
  return [callback, user_data](ByteSpan data) { callback(user_data, data.data(), data.size()); };
}

void GiveOperation(boxlite_operation** out, const std::shared_ptr<box::Runtime>& runtime,
                   std::shared_ptr<box::Operation> operation) {
  if (out != nullptr) *out = new boxlite_operation{runtime, std::move(operation)};
}

}  // namespace boxlite::api
