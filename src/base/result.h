// Result<T>: a value or an Error, the only way a function of ours says that it failed. We do not
// throw.
//
//   Result<UniqueFd> Open(...);
//   UniqueFd fd = BOXLITE_TRY(Open(path));   // returns the error to our own caller
//
// One TRY does not stand inside another.
//
// An Error's message is one sentence that names the object; `hint` says what the user can do, where
// there is something. Codes are the numbers of boxlite_status (include/boxlite.h), so that an error
// crosses the ABI unchanged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace boxlite {

enum class Code : int32_t {
  kOk = 0,
  kInternal = 1,
  kNotFound = 2,
  kAlreadyExists = 3,
  kInvalidState = 4,
  kInvalidArgument = 5,
  kConfig = 6,
  kStorage = 7,
  kImage = 8,
  kNetwork = 9,
  kExecution = 10,
  kStopped = 11,
  kEngine = 12,
  kUnsupported = 13,
  kDatabase = 14,
  kResourceExhausted = 20,
  kCancelled = 22,
  kTimeout = 23,
  kWouldDeadlock = 24,
  kPermission = 25,
  kBusy = 26,
};

// The code of a number that came from outside (a frame, a file): a number we do not know is
// kInternal.
Code CodeFromNumber(int64_t number);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message, std::string hint = {})
      : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

  // `what` and the text of `os_errno`, as in "/dev/kvm: Permission denied".
  static Error FromErrno(Code code, std::string what, int os_errno);

  Code code() const { return code_; }
  int os_errno() const { return os_errno_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }

  // The same error with `where` before its message: "pull python:slim: connection refused".
  Error Context(std::string_view where) &&;
  Error WithHint(std::string hint) &&;
  Error WithErrno(int os_errno) &&;
  Error WithCode(Code code) &&;

 private:
  Code code_;
  int os_errno_ = 0;
  std::string message_;
  std::string hint_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }
  T TakeValue() { return std::move(std::get<0>(state_)); }
  Error TakeError() { return std::move(std::get<1>(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT

  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }
  void TakeValue() {}
  Error TakeError() { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace boxlite

#define BOXLITE_TRY(expr)                       \
  __extension__({                               \
    auto boxlite_try_result_ = (expr);          \
    if (!boxlite_try_result_.ok()) [[unlikely]] \
      return boxlite_try_result_.TakeError();   \
    boxlite_try_result_.TakeValue();            \
  })
