// Files of a box: one by one, by name, and what runs in it.
#include "api/handles.h"

namespace api = boxlite::api;
namespace proto = boxlite::proto;
using boxlite::Code;
using boxlite::Error;
using boxlite::Result;

namespace {

constexpr uint32_t kDefaultFileMode = 0644;
constexpr uint32_t kDefaultDirectoryMode = 0755;
constexpr uint32_t kFileModeBits = 07777;

Result<void> NeedBytes(const void* data, size_t size) {
  return size == 0 ? Result<void>() : api::Need(data, "data");
}

Result<void> NeedMode(uint32_t mode) {
  if ((mode & ~kFileModeBits) == 0) return {};
  return Error(Code::kInvalidArgument, "mode has bits beyond 07777");
}

Result<void> NeedFlags(uint32_t flags, uint32_t known) {
  if ((flags & ~known) == 0) return {};
  return Error(Code::kInvalidArgument, "flags has bits that are not known");
}

// Calls `call` with a list handle that lives until it returns.
template <typename Handle, typename Message, typename Call>
boxlite::box::Callbacks<std::vector<Message>> ListCallbacks(Call call, void* user_data,
                                                            boxlite_finalize_cb finalize) {
  boxlite::box::Callbacks<std::vector<Message>> callbacks;
  callbacks.finalize = api::Finalizer(finalize, user_data);
  if (call == nullptr) return callbacks;
  callbacks.done = [call, user_data](const auto& result) {
    api::Complete(result, [&](boxlite_status status, const boxlite_error* err, const auto* found) {
      if (found == nullptr) return call(user_data, status, err, nullptr);
      Handle list;
      for (const Message& message : *found) list.infos.push_back({message});
      call(user_data, status, err, &list);
    });
  };
  return callbacks;
}

// The same for a list that has to hold exactly one.
boxlite::box::Callbacks<std::vector<proto::FileInfo>> InfoCallbacks(boxlite_file_info_cb call,
                                                                    void* user_data,
                                                                    boxlite_finalize_cb finalize) {
  boxlite::box::Callbacks<std::vector<proto::FileInfo>> callbacks;
  callbacks.finalize = api::Finalizer(finalize, user_data);
  if (call == nullptr) return callbacks;
  callbacks.done = [call, user_data](const auto& result) {
    Result<proto::FileInfo> one = Error(Code::kInternal, "the box told nothing of the file");
    if (!result.ok()) {
      one = result.error();
    } else if (result.value().size() == 1) {
      one = result.value()[0];
    }
    api::Complete(one, [&](boxlite_status status, const boxlite_error* err, const auto* found) {
      if (found == nullptr) return call(user_data, status, err, nullptr);
      boxlite_file_info info{*found};
      call(user_data, status, err, &info);
    });
  };
  return callbacks;
}

}  // namespace

// NOLINTNEXTLINE(readability-function-size): the signature is the header's
boxlite_status boxlite_box_write_file(boxlite_box* box, const char* path, const void* data,
                                      size_t size, uint32_t mode, boxlite_done_cb done,
                                      void* user_data, boxlite_finalize_cb finalize,
                                      boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(path, "path"));
    BOXLITE_TRY(NeedBytes(data, size));
    BOXLITE_TRY(NeedMode(mode));
    proto::WriteFile request;
    request.path = path;
    request.mode = mode == 0 ? kDefaultFileMode : mode;
    const auto* bytes = static_cast<const uint8_t*>(data);
    return box->runtime->WriteFile(box->id, request, boxlite::Bytes(bytes, bytes + size),
                                   api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_read_file(boxlite_box* box, const char* path, boxlite_data_cb on_data,
                                     boxlite_done_cb done, void* user_data,
                                     boxlite_finalize_cb finalize, boxlite_operation** operation,
                                     boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(path, "path"));
    proto::ReadFile request;
    request.path = path;
    return box->runtime->ReadStream(box->id, boxlite::client::EncodeDownload(request),
                                    api::Data(on_data, user_data),
                                    api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_stat_file(boxlite_box* box, const char* path, uint32_t flags,
                                     boxlite_file_info_cb done, void* user_data,
                                     boxlite_finalize_cb finalize, boxlite_operation** operation,
                                     boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(path, "path"));
    BOXLITE_TRY(NeedFlags(flags, BOXLITE_FILE_FOLLOW_LINK));
    proto::StatFile request;
    request.path = path;
    request.flags = flags == 0 ? 0 : proto::kStatFollow;
    return box->runtime->List<proto::FileInfo>(box->id, boxlite::client::EncodeDownload(request),
                                               InfoCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_list_files(boxlite_box* box, const char* path, boxlite_file_list_cb done,
                                      void* user_data, boxlite_finalize_cb finalize,
                                      boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(path, "path"));
    proto::ListFiles request;
    request.path = path;
    auto callbacks = ListCallbacks<boxlite_file_list, proto::FileInfo>(done, user_data, finalize);
    return box->runtime->List<proto::FileInfo>(box->id, boxlite::client::EncodeDownload(request),
                                               std::move(callbacks));
  });
}

boxlite_status boxlite_box_make_directory(boxlite_box* box, const char* path, uint32_t mode,
                                          uint32_t flags, boxlite_done_cb done, void* user_data,
                                          boxlite_finalize_cb finalize,
                                          boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(path, "path"));
    BOXLITE_TRY(NeedMode(mode));
    BOXLITE_TRY(NeedFlags(flags, BOXLITE_FILE_PARENTS));
    proto::MakeDirectory request;
    request.path = path;
    request.mode = mode == 0 ? kDefaultDirectoryMode : mode;
    request.flags = flags == 0 ? 0 : proto::kMakeParents;
    return box->runtime->Ask(box->id, proto::Encode(request),
                             api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_rename_file(boxlite_box* box, const char* from, const char* to,
                                       uint32_t flags, boxlite_done_cb done, void* user_data,
                                       boxlite_finalize_cb finalize, boxlite_operation** operation,
                                       boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(from, "from"));
    BOXLITE_TRY(api::NeedPath(to, "to"));
    BOXLITE_TRY(NeedFlags(flags, BOXLITE_FILE_NO_REPLACE));
    proto::RenameFile request;
    request.path = from;
    request.to = to;
    request.flags = flags == 0 ? 0 : proto::kRenameExclusive;
    return box->runtime->Ask(box->id, proto::Encode(request),
                             api::DoneCallbacks(done, user_data, finalize));
  });
}

boxlite_status boxlite_box_remove_file(boxlite_box* box, const char* path, uint32_t flags,
                                       boxlite_done_cb done, void* user_data,
                                       boxlite_finalize_cb finalize, boxlite_operation** operation,
                                       boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    BOXLITE_TRY(api::NeedPath(path, "path"));
    BOXLITE_TRY(NeedFlags(flags, BOXLITE_FILE_RECURSIVE));
    proto::RemoveFile request;
    request.path = path;
    request.flags = flags == 0 ? 0 : proto::kRemoveRecursive;
    return box->runtime->Ask(box->id, proto::Encode(request),
                             api::DoneCallbacks(done, user_data, finalize));
  });
}

size_t boxlite_file_list_size(const boxlite_file_list* list) {
  return list == nullptr ? 0 : list->infos.size();
}
const boxlite_file_info* boxlite_file_list_get(const boxlite_file_list* list, size_t n) {
  return n < boxlite_file_list_size(list) ? &list->infos[n] : nullptr;
}
const char* boxlite_file_info_name(const boxlite_file_info* info) {
  return info == nullptr ? "" : info->info.name.c_str();
}
boxlite_file_type boxlite_file_info_type(const boxlite_file_info* info) {
  if (info == nullptr || info->info.type > proto::FileType::kSocket)
    return BOXLITE_FILE_TYPE_UNKNOWN;
  return static_cast<boxlite_file_type>(info->info.type);
}
uint32_t boxlite_file_info_mode(const boxlite_file_info* info) {
  return info == nullptr ? 0 : info->info.mode & kFileModeBits;
}
uint32_t boxlite_file_info_uid(const boxlite_file_info* info) {
  return info == nullptr ? 0 : info->info.uid;
}
uint32_t boxlite_file_info_gid(const boxlite_file_info* info) {
  return info == nullptr ? 0 : info->info.gid;
}
uint64_t boxlite_file_info_size(const boxlite_file_info* info) {
  return info == nullptr ? 0 : info->info.size;
}
int64_t boxlite_file_info_mtime_ns(const boxlite_file_info* info) {
  return info == nullptr ? 0 : info->info.mtime_ns;
}
const char* boxlite_file_info_link(const boxlite_file_info* info) {
  return info == nullptr ? "" : info->info.link.c_str();
}

boxlite_status boxlite_box_list_processes(boxlite_box* box, boxlite_process_list_cb done,
                                          void* user_data, boxlite_finalize_cb finalize,
                                          boxlite_operation** operation, boxlite_error** err) {
  return api::Operate(box, "box", operation, err, [&]() -> api::Started {
    auto callbacks =
        ListCallbacks<boxlite_process_list, proto::ProcessInfo>(done, user_data, finalize);
    return box->runtime->List<proto::ProcessInfo>(
        box->id, boxlite::client::EncodeDownload(proto::ListProcesses()), std::move(callbacks));
  });
}

size_t boxlite_process_list_size(const boxlite_process_list* list) {
  return list == nullptr ? 0 : list->infos.size();
}
const boxlite_process_info* boxlite_process_list_get(const boxlite_process_list* list, size_t n) {
  return n < boxlite_process_list_size(list) ? &list->infos[n] : nullptr;
}
int64_t boxlite_process_info_pid(const boxlite_process_info* info) {
  return info == nullptr ? 0 : info->info.pid;
}
int64_t boxlite_process_info_ppid(const boxlite_process_info* info) {
  return info == nullptr ? 0 : info->info.ppid;
}
uint32_t boxlite_process_info_uid(const boxlite_process_info* info) {
  return info == nullptr ? 0 : info->info.uid;
}
const char* boxlite_process_info_user(const boxlite_process_info* info) {
  return info == nullptr ? "" : info->info.user.c_str();
}
int boxlite_process_info_state(const boxlite_process_info* info) {
  bool letter = info != nullptr && info->info.state > ' ' && info->info.state <= '~';
  return letter ? info->info.state : '?';
}
uint64_t boxlite_process_info_cpu_ms(const boxlite_process_info* info) {
  return info == nullptr ? 0 : info->info.cpu_ms;
}
uint64_t boxlite_process_info_memory_bytes(const boxlite_process_info* info) {
  return info == nullptr ? 0 : info->info.memory_bytes;
}
int64_t boxlite_process_info_started_at_ms(const boxlite_process_info* info) {
  return info == nullptr ? 0 : static_cast<int64_t>(info->info.started_ms);
}
const char* boxlite_process_info_arg(const boxlite_process_info* info, size_t n) {
  if (info == nullptr || n >= info->info.argv.size()) return nullptr;
  return info->info.argv[n].c_str();
}
