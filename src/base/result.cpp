#include "base/result.h"

#include <cstring>

namespace boxlite {

Code CodeFromNumber(int64_t number) {
  bool known = (number >= 0 && number <= 14) || number == 20 || (number >= 22 && number <= 26);
  return known ? static_cast<Code>(number) : Code::kInternal;
}

Error Error::FromErrno(Code code, std::string what, int os_errno) {
  char buffer[128];
  what += ": ";
  what += ::strerror_r(os_errno, buffer, sizeof buffer);  // The GNU one returns the text.
  return Error(code, std::move(what)).WithErrno(os_errno);
}

Error Error::Context(std::string_view where) && {
  message_.insert(0, ": ");
  message_.insert(0, where);
  return std::move(*this);
}

Error Error::WithHint(std::string hint) && {
  hint_ = std::move(hint);
  return std::move(*this);
}

Error Error::WithErrno(int os_errno) && {
  os_errno_ = os_errno;
  return std::move(*this);
}

Error Error::WithCode(Code code) && {
  code_ = code;
  return std::move(*this);
}

}  // namespace boxlite
