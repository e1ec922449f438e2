// Trees of files between the host and a box, and archives.
#include "api/handles.h"
#include "tar/place.h"

namespace api = boxlite::api;
namespace proto = boxlite::proto;
using boxlite::Code;
using boxlite::Error;
using boxlite::Result;

namespace {

constexpr boxlite_copy_options kDefaults = BOXLITE_COPY_OPTIONS_INIT;

Result<boxlite::box::CopyOptions> Read(const boxlite_copy_options* given) {
  boxlite_copy_options in = BOXLITE_TRY(api::ReadOptions(given, kDefaults));
  BOXLITE_TRY(boxlite::box::CheckCopyFlags(in.flags));
  boxlite::box::CopyOptions options;
  options.flags = in.flags;
  options.user = api::Text(in.user);
  options.max_bytes = in.max_bytes;
  return options;
}

Result<boxlite::box::CopyRequest> ReadRequest(const char* host_path, const char* guest_path,
                                              const boxlite_copy_options* options) {
  BOXLITE_TRY(api::Need(host_path, "host_path"));
  if (*host_path == '\0') return Error(Code::kInvalidArgument, "host_path is an empty text");
  BOXLITE_TRY(api::NeedPath(guest_path, "guest_path"));
  boxlite::box::CopyRequest request;
  request.host_path = host_path;
  request.guest_path = guest_path;
  request.options = BOXLITE_TRY(Read(options));
  return request;
}

boxlite::box::CopySink Progress(boxlite_copy_progress_cb progress, void* user_data) {
  if (progress == nullptr) return nullptr;
  return [progress, user_data](const boxlite::box::CopyProgress& now) {
    boxlite_copy_progress state{now.files, now.bytes};
    progress(user_data, &state);
  };
}

}  // namespace

void boxlite_copy_options_init(boxlite_copy_options* options, size_t struct_size) {
  api::InitOptions(options, struct_size, kDefaults);
}

// NOLINTNEXTLINE(readability-function-size): the signature is the header's
boxlite_status boxlite_box_copy_in(boxlite_box* box, const char* host_path, const char* guest_path,
                                   const boxlite_copy_options* options,
                                   boxlite_copy_progress_cb progress, boxlite_done_cb done,
                                   void* user_data, boxlite_finalize_cb finalize,
                                   boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    auto request = BOXLITE_TRY(ReadRequest(host_path, guest_path, options));
    return box->runtime->CopyIn(box->id, std::move(request), Progress(progress, user_data),
                                api::DoneCallbacks(done, user_data, finalize));
  });
}

// NOLINTNEXTLINE(readability-function-size): the signature is the header's
boxlite_status boxlite_box_copy_out(boxlite_box* box, const char* guest_path, const char* host_path,
                                    const boxlite_copy_options* options,
                                    boxlite_copy_progress_cb progress, boxlite_done_cb done,
                                    void* user_data, boxlite_finalize_cb finalize,
                                    boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    auto request = BOXLITE_TRY(ReadRequest(host_path, guest_path, options));
    return box->runtime->CopyOut(box->id, std::move(request), Progress(progress, user_data),
                                 api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_get_archive(boxlite_box* box, const char* guest_path, uint32_t flags,
                                       boxlite_data_cb on_data, boxlite_done_cb done,
                                       void* user_data, boxlite_finalize_cb finalize,
                                       boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(guest_path, "guest_path"));
    if ((flags & ~uint32_t{BOXLITE_COPY_FOLLOW_LINK}) != 0)
      return Error(Code::kInvalidArgument, "flags has bits that are not known");
    proto::GetTree request;
    request.path = guest_path;
    request.name = boxlite::tar::LastName(guest_path);
    request.flags = flags == 0 ? 0 : proto::kGetFollow;
    return box->runtime->ReadStream(box->id, boxlite::client::EncodeDownload(request),
                                    api::Data(on_data, user_data),
                                    api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_put_archive(boxlite_upload** out, boxlite_box* box,
                                       const char* guest_path, const boxlite_copy_options* options,
                                       boxlite_done_cb done, void* user_data,
                                       boxlite_finalize_cb finalize, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::Need(out, "out"));
    *out = nullptr;
    BOXLITE_TRY(api::NeedHandle(box, "box"));
    BOXLITE_TRY(api::NeedPath(guest_path, "guest_path"));
    auto read = BOXLITE_TRY(Read(options));
    proto::PutTree request;
    request.path = guest_path;
    request.user = read.user;
    request.flags = proto::kPutArchive;
    if ((read.flags & BOXLITE_COPY_NO_OVERWRITE) != 0) request.flags |= proto::kPutExclusive;
    if ((read.flags & BOXLITE_COPY_PARENTS) != 0) request.flags |= proto::kPutParents;
    // An archive has owners of its own; who names a user wants that one.
    if (request.user.empty()) request.flags |= proto::kPutOwners;
    auto handle = std::make_unique<boxlite_upload>();
    handle->runtime = box->runtime;
    handle->upload = BOXLITE_TRY(
        box->runtime->OpenUpload(box->id, request, api::DoneCallbacks(done, user_data, finalize)));
    *out = handle.release();
    return {};
  });
}

boxlite_status boxlite_upload_write(boxlite_upload* upload, const void* data, size_t size,
                                    boxlite_done_cb done, void* user_data,
                                    boxlite_finalize_cb finalize, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(upload, "upload"));
    if (size > 0) BOXLITE_TRY(api::Need(data, "data"));
    const auto* bytes = static_cast<const uint8_t*>(data);
    return upload->upload->Write(boxlite::Bytes(bytes, bytes + size),
                                 api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_upload_finish(boxlite_upload* upload, boxlite_error** err) {
  return api::Guard(err, [&]() -> Result<void> {
    BOXLITE_TRY(api::NeedHandle(upload, "upload"));
    return upload->upload->End();
  });
}

void boxlite_upload_cancel(boxlite_upload* upload) {
  if (api::BelongsHere(upload)) upload->upload->Cancel();
}

void boxlite_upload_destroy(boxlite_upload* upload) {
  if (!api::BelongsHere(upload)) return;
  upload->upload->CancelUnlessFinished();
  delete upload;
}
