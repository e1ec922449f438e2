// The C API's handles with owners, and how the command says that a call failed.
#pragma once

#include <boxlite.h>

#include <memory>

namespace boxlite::cli {

// Our own failures exit with 125, as docker's do; 0 to 124 belong to the command in the box.
constexpr int kExitFailure = 125;
constexpr int kExitTimeout = 124;  // as timeout(1)'s

// As shells say it: 128 + n for a command that signal n ended.
inline int ShellExitCode(int code) {
  return code < 0 ? 128 - code : code;
}

// For a call whose failure changes nothing: the execution has ended meanwhile, and its exit tells.
inline void Ignore(boxlite_status /*status*/) {}

template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* handle) const {
    kDestroy(handle);
  }
};
template <typename T, auto kDestroy>
using Handle = std::unique_ptr<T, Destroy<kDestroy>>;

using RuntimeHandle = Handle<boxlite_runtime, boxlite_runtime_destroy>;
using BoxHandle = Handle<boxlite_box, boxlite_box_destroy>;
using BoxInfoHandle = Handle<boxlite_box_info, boxlite_box_info_destroy>;
using BoxListHandle = Handle<boxlite_box_list, boxlite_box_list_destroy>;
using ImageInfoHandle = Handle<boxlite_image_info, boxlite_image_info_destroy>;
using DiskUsageHandle = Handle<boxlite_disk_usage, boxlite_disk_usage_destroy>;
using ImageListHandle = Handle<boxlite_image_list, boxlite_image_list_destroy>;
using ExecutionHandle = Handle<boxlite_execution, boxlite_execution_destroy>;
using OperationHandle = Handle<boxlite_operation, boxlite_operation_destroy>;
using ErrorHandle = Handle<boxlite_error, boxlite_error_destroy>;

// Receives a handle from an out parameter: `Out(box)` where a `boxlite_box**` is wanted.
template <typename T, typename D>
class Out {
 public:
  explicit Out(std::unique_ptr<T, D>& target) : target_(target) {}
  ~Out() { target_.reset(raw_); }
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;
  operator T**() { return &raw_; }  // NOLINT(google-explicit-constructor)

 private:
  std::unique_ptr<T, D>& target_;  // The caller's; outlives the call expression.
  T* raw_ = nullptr;
};

// Writes "boxlite: message" and the hint to standard error; returns kExitFailure.
int Fail(const boxlite_error* err);
int Fail(const char* message);

}  // namespace boxlite::cli
