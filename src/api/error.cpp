// Versions, status names, errors and operations.
#include "api/handles.h"

#define BOXLITE_TEXT_OF(x) #x
#define BOXLITE_TEXT(x) BOXLITE_TEXT_OF(x)

uint32_t boxlite_version(void) {
  return (BOXLITE_VERSION_MAJOR << 16) | (BOXLITE_VERSION_MINOR << 8) | BOXLITE_VERSION_PATCH;
}

const char* boxlite_version_string(void) {
  return BOXLITE_TEXT(BOXLITE_VERSION_MAJOR) "." BOXLITE_TEXT(
      BOXLITE_VERSION_MINOR) "." BOXLITE_TEXT(BOXLITE_VERSION_PATCH);
}

const char* boxlite_status_name(boxlite_status status) {
  switch (status) {
    case BOXLITE_OK:
      return "ok";
    case BOXLITE_STATUS_INTERNAL:
      return "internal";
    case BOXLITE_STATUS_NOT_FOUND:
      return "not_found";
    case BOXLITE_STATUS_ALREADY_EXISTS:
      return "already_exists";
    case BOXLITE_STATUS_INVALID_STATE:
      return "invalid_state";
    case BOXLITE_STATUS_INVALID_ARGUMENT:
      return "invalid_argument";
    case BOXLITE_STATUS_CONFIG:
      return "config";
    case BOXLITE_STATUS_STORAGE:
      return "storage";
    case BOXLITE_STATUS_IMAGE:
      return "image";
    case BOXLITE_STATUS_NETWORK:
      return "network";
    case BOXLITE_STATUS_EXECUTION:
      return "execution";
    case BOXLITE_STATUS_STOPPED:
      return "stopped";
    case BOXLITE_STATUS_ENGINE:
      return "engine";
    case BOXLITE_STATUS_UNSUPPORTED:
      return "unsupported";
    case BOXLITE_STATUS_DATABASE:
      return "database";
    case BOXLITE_STATUS_RESOURCE_EXHAUSTED:
      return "resource_exhausted";
    case BOXLITE_STATUS_CANCELLED:
      return "cancelled";
    case BOXLITE_STATUS_TIMEOUT:
      return "timeout";
    case BOXLITE_STATUS_WOULD_DEADLOCK:
      return "would_deadlock";
    case BOXLITE_STATUS_PERMISSION:
      return "permission";
    case BOXLITE_STATUS_BUSY:
      return "busy";
  }
  return "internal";
}

boxlite_status boxlite_error_status(const boxlite_error* err) {
  return err == nullptr ? BOXLITE_OK : static_cast<boxlite_status>(err->error.code());
}

const char* boxlite_error_message(const boxlite_error* err) {
  return err == nullptr ? "" : err->error.message().c_str();
}

const char* boxlite_error_hint(const boxlite_error* err) {
  return err == nullptr ? "" : err->error.hint().c_str();
}

int boxlite_error_os_errno(const boxlite_error* err) {
  return err == nullptr ? 0 : err->error.os_errno();
}

boxlite_error* boxlite_error_copy(const boxlite_error* err) {
  if (err == nullptr) return nullptr;
  try {
    return new boxlite_error{err->error};
  } catch (...) {
    return nullptr;
  }
}

void boxlite_error_destroy(boxlite_error* err) {
  delete err;
}

void boxlite_operation_cancel(boxlite_operation* operation) {
  if (!boxlite::api::BelongsHere(operation)) return;
  boxlite::api::Guard(nullptr, [&]() -> boxlite::Result<void> {
    operation->operation->Cancel();
    return {};
  });
}

void boxlite_operation_destroy(boxlite_operation* operation) {
  if (boxlite::api::BelongsHere(operation)) delete operation;
}
