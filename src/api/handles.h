// The C handles, and what every function of the C API does around its one line of work: it checks
// its arguments, stays out of a forked child, and lets no exception through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "box/runtime.h"
#include "boxlite.h"

struct boxlite_error {
  boxlite::Error error;
};
// The runtime is shared by the handles that need it: they may outlive it.
struct boxlite_runtime {
  std::shared_ptr<boxlite::box::Runtime> runtime;
};
struct boxlite_box {
  std::shared_ptr<boxlite::box::Runtime> runtime;
  std::string id;
};
struct boxlite_execution {
  std::shared_ptr<boxlite::box::Runtime> runtime;
  std::shared_ptr<boxlite::box::Execution> execution;
};
struct boxlite_operation {
  std::shared_ptr<boxlite::box::Runtime> runtime;
  std::shared_ptr<boxlite::box::Operation> operation;
};
struct boxlite_upload {
  std::shared_ptr<boxlite::box::Runtime> runtime;
  std::shared_ptr<boxlite::box::UploadTask> upload;
};
struct boxlite_file_info {
  boxlite::proto::FileInfo info;
};
struct boxlite_file_list {
  std::vector<boxlite_file_info> infos;
};
struct boxlite_process_info {
  boxlite::proto::ProcessInfo info;
};
struct boxlite_process_list {
  std::vector<boxlite_process_info> infos;
};
struct boxlite_box_info {
  boxlite::store::BoxRecord record;
};
struct boxlite_box_list {
  std::vector<boxlite_box_info> infos;
};
struct boxlite_image_info {
  boxlite::store::ImageRecord record;
};
struct boxlite_image_list {
  std::vector<boxlite_image_info> infos;
};
struct boxlite_prune_report {
  boxlite::store::PruneReport report;
};
struct boxlite_disk_usage {
  boxlite::store::DiskUsage usage;
};
struct boxlite_exec_result {
  boxlite::proto::ExecClosed closed;
};
struct boxlite_doctor_report {
  boxlite::box::DoctorReport lines;
};

namespace boxlite::api {

// Hands an error to the caller, where he wants it.
boxlite_status Report(Error error, boxlite_error** err) noexcept;

// Runs `work`, a function that returns Result<void>, behind the exception guard.
template <typename Work>
boxlite_status Guard(boxlite_error** err, Work&& work) noexcept {
  if (err != nullptr) *err = nullptr;
  try {
    Result<void> result = work();
    if (result.ok()) return BOXLITE_OK;
    return Report(result.TakeError(), err);
  } catch (const std::bad_alloc&) {
    return BOXLITE_STATUS_RESOURCE_EXHAUSTED;
  } catch (...) {
    return BOXLITE_STATUS_INTERNAL;
  }
}

// kInvalidArgument that names what is NULL.
Result<void> Need(const void* argument, const char* name);

// The same, and where it is no absolute path.
Result<void> NeedPath(const char* path, const char* name);

// A handle that may be used: it is there, and its runtime is this process's.
template <typename Handle>
Result<void> NeedHandle(const Handle* handle, const char* name) {
  BOXLITE_TRY(Need(handle, name));
  if (!handle->runtime->InForkedChild()) return {};
  return Error(Code::kInvalidState, std::string(name) + " belongs to the process that forked",
               "Create a runtime in this process.");
}

// For functions that return nothing: whether there is a handle, and it is this process's. In a
// forked child what it owns is the parent's.
template <typename Handle>
bool BelongsHere(const Handle* handle) {
  return handle != nullptr && !handle->runtime->InForkedChild();
}

// A field that names one of an enum's values, the last of which is `last`. It is looked at before
// it becomes one of ours, which are narrower. Ours have the header's numbers.
template <typename Ours, typename Given>
Result<Ours> Enumerator(Given value, Given last, const char* name) {
  // A caller's C may give the enum any integer.
  auto number = static_cast<int64_t>(value);
  if (number >= 0 && number <= static_cast<int64_t>(last)) return static_cast<Ours>(number);
  return Error(Code::kInvalidArgument,
               std::string(name) + " " + std::to_string(number) + " is not known");
}

inline std::string Text(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}
// The n-th text; NULL past the end.
inline const char* TextAt(const std::vector<std::string>& texts, size_t n) {
  return n < texts.size() ? texts[n].c_str() : nullptr;
}
// kInvalidArgument where the list or one of its elements is NULL.
Result<std::vector<std::string>> Texts(const char* const* texts, size_t count, const char* name);

// A caller's options struct as this library knows it. `defaults` is what an absent one means.
template <typename Options>
Result<Options> ReadOptions(const Options* given, const Options& defaults) {
  if (given == nullptr) return defaults;
  if (given->struct_size < sizeof(Options))
    return Error(Code::kInvalidArgument,
                 "options.struct_size is " + std::to_string(given->struct_size) +
                     ", which is smaller than the first version's struct",
                 "Initialise the options with their _INIT macro or _init function.");
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (size_t i = sizeof(Options); i < given->struct_size; ++i) {
    if (bytes[i] != 0)
      return Error(Code::kUnsupported, "options has a field that this library does not know",
                   "Use a newer libboxlite, or leave the field at its default.");
  }
  return *given;
}

template <typename Options>
void InitOptions(Options* options, size_t struct_size, Options defaults) {
  if (options == nullptr) return;
  defaults.struct_size = struct_size;
  std::memset(static_cast<void*>(options), 0, struct_size);
  std::memcpy(static_cast<void*>(options), &defaults,
              struct_size < sizeof defaults ? struct_size : sizeof defaults);
}

std::function<void()> Finalizer(boxlite_finalize_cb finalize, void* user_data);
box::Callbacks<void> DoneCallbacks(boxlite_done_cb done, void* user_data,
                                   boxlite_finalize_cb finalize);
box::ProgressSink Progress(boxlite_progress_cb progress, void* user_data);
std::function<void(ByteSpan)> Data(boxlite_data_cb callback, void* user_data);

// Calls a completion callback `call(status, error, value)`, where value is nullptr on failure.
template <typename T, typename Call>
void Complete(const Result<T>& result, Call call) {
  if (result.ok()) return call(BOXLITE_OK, nullptr, &result.value());
  boxlite_error error{result.error()};
  call(static_cast<boxlite_status>(result.error().code()), &error, static_cast<const T*>(nullptr));
}

// Gives an operation to a caller who asked for one.
void GiveOperation(boxlite_operation** out, const std::shared_ptr<box::Runtime>& runtime,
                   std::shared_ptr<box::Operation> operation);

using Started = Result<std::shared_ptr<box::Operation>>;

// The frame of every call that starts something which can be cancelled. `handle` is a box or a
// runtime; `start` checks the other arguments and begins it.
template <typename Handle, typename Start>
boxlite_status Operate(Handle* handle, const char* name, boxlite_operation** operation,
                       boxlite_error** err, Start start) {
  return Guard(err, [&]() -> Result<void> {
    if (operation != nullptr) *operation = nullptr;
    BOXLITE_TRY(NeedHandle(handle, name));
    std::shared_ptr<box::Operation> started = BOXLITE_TRY(start());
    GiveOperation(operation, handle->runtime, std::move(started));
    return {};
  });
}

}  // namespace boxlite::api
