#include "box/launch.h"

#include <unistd.h>

#include <utility>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_files.h"
#include "box/kvm_speed.h"
#include "helper/unix_socket.h"
#include "proto/descriptors.h"
#include "proto/messages.h"
#include "store/process.h"

namespace boxlite::box {
namespace {

using store::BoxRecord;
using store::BoxState;

constexpr const char* kScratchName = "scratch.ext4";

Error HeldElsewhere(const std::string& id) {
  return Error(Code::kBusy, "box " + id + " is held by another process");
}

Result<UniqueFd> TakeStartLock(const UniqueFd& box_dir, const std::string& id) {
  UniqueFd lock = BOXLITE_TRY(sys::OpenAt(box_dir.get(), "start", O_RDWR | O_CREAT, 0600));
  // Not waited for: whoever has it may be stopped, and this thread serves every other box as well.
  if (!BOXLITE_TRY(sys::LockExclusive(lock.get(), sys::LockWait::kNo))) return HeldElsewhere(id);
  return lock;
}

proto::BoxExit DecodeExit(const std::string& bytes) {
  auto exit = proto::Decode<proto::BoxExit>(AsBytes(bytes));
  if (!bytes.empty() && exit.ok()) return exit.TakeValue();
  proto::BoxExit killed;
  killed.reason = proto::ExitReason::kKilled;
  killed.detail = "boxlite-vm was killed";
  killed.at_ms = static_cast<uint64_t>(RealtimeMs());
  return killed;
}

std::string DetailOf(const proto::BoxExit& exit) {
  if (exit.kernel_log.empty() || exit.reason == proto::ExitReason::kStopped ||
      exit.reason == proto::ExitReason::kMainExited)
    return exit.detail;
  return exit.detail + "; the kernel's last words: " + exit.kernel_log;
}

// With the box's lock, which `stale` holds. Its last record.
Result<BoxRecord> Bury(store::Store& store, store::StaleBox stale) {
  const std::string& id = stale.record.id;
  proto::BoxExit exit = DecodeExit(stale.exit);
  RecordExit(exit, stale.record);
  if ((stale.record.flags & store::kBoxAutoRemove) != 0) {
    Result<void> removed = store.RemoveBox(id, {});
    if (!removed.ok() && removed.error().code() != Code::kNotFound) return removed.TakeError();
    return std::move(stale.record);
  }
  auto changed = store.ChangeBox(id, {}, [&](BoxRecord& record) { RecordExit(exit, record); });
  if (!changed.ok() && changed.error().code() == Code::kNotFound) return std::move(stale.record);
  return changed;
}

// A box that is removed at its end has a disk without a name, so that even a killed host leaves
// nothing of it.
Result<UniqueFd> OpenScratch(const store::Store& store, const BoxRecord& record,
                             const UniqueFd& box_dir, const UniqueFd& blank) {
  if ((record.flags & store::kBoxAutoRemove) != 0) {
    UniqueFd disk = BOXLITE_TRY(sys::OpenAt(store.home().boxes(), ".", O_TMPFILE | O_RDWR, 0600));
    BOXLITE_TRY(sys::CopySparse(blank.get(), disk.get()));
    return disk;
  }
  auto existing = sys::OpenAt(box_dir.get(), kScratchName, O_RDWR);
  if (existing.ok() || existing.error().code() != Code::kNotFound) return existing;
  const std::string half = std::string(kScratchName) + ".new";
  UniqueFd disk = BOXLITE_TRY(sys::OpenAt(box_dir.get(), half, O_RDWR | O_CREAT | O_TRUNC, 0600));
  BOXLITE_TRY(sys::CopySparse(blank.get(), disk.get()));
  BOXLITE_TRY(sys::RenameAt(box_dir.get(), half, box_dir.get(), kScratchName));
  return disk;
}

// What boxlite-vm gets, but for its lock and the control socket.
struct VmFiles {
  std::string program;
  UniqueFd listener, exit, kernel, initramfs, scratch, log;
};

Result<VmFiles> OpenVmFiles(const store::Store& store, const helper::Installation& installation,
                            const BoxRecord& record, const UniqueFd& box_dir,
                            const UniqueFd& blank) {
  VmFiles files;
  files.program = BOXLITE_TRY(installation.FindVm());
  files.kernel = BOXLITE_TRY(installation.OpenKernel());
  files.initramfs = BOXLITE_TRY(installation.OpenInitramfs());
  files.scratch = BOXLITE_TRY(OpenScratch(store, record, box_dir, blank));
  files.exit = BOXLITE_TRY(
      sys::OpenAt(box_dir.get(), "exit", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  // Not for appending: boxlite-vm goes back in it, so that a guest cannot fill the disk with it.
  files.log = BOXLITE_TRY(
      sys::OpenAt(box_dir.get(), "log", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  files.listener = BOXLITE_TRY(helper::ListenAt(box_dir.get(), "sock"));
  return files;
}

Result<helper::Spawned> SpawnVm(const VmFiles& files, const images::Rootfs& rootfs,
                                const UniqueFd& lock, const UniqueFd& control) {
  return helper::Spawn({files.program,
                        {"boxlite-vm"},
                        {{control.get(), proto::kControl},
                         {files.listener.get(), proto::kListener},
                         {lock.get(), proto::kLock},
                         {files.exit.get(), proto::kVmExit},
                         {files.kernel.get(), proto::kVmKernel},
                         {files.initramfs.get(), proto::kVmInitramfs},
                         {rootfs.disk.get(), proto::kVmRootDisk},
                         {files.scratch.get(), proto::kVmScratchDisk},
                         {files.log.get(), proto::kVmLog},
                         {files.log.get(), STDERR_FILENO}}});
}

}  // namespace

void RecordExit(const proto::BoxExit& exit, BoxRecord& record) {
  record.state = BoxState::kStopped;
  record.process = {};
  record.stopped_at_ms = static_cast<int64_t>(exit.at_ms);
  record.exit_reason = static_cast<uint8_t>(exit.reason);
  record.exit_detail = DetailOf(exit);
  record.exit_code = exit.has_exit_code != 0 ? exit.exit_code : store::kNoExitCode;
}

Result<BoxRecord> ReadBox(store::Store& store, const std::string& id) {
  auto stale = BOXLITE_TRY(store.TakeStale(id));
  if (stale) BOXLITE_TRY(Bury(store, std::move(*stale)));
  return store.GetBox(id);
}

Result<BoxRecord> ReadLastRecord(store::Store& store, const std::string& id) {
  auto stale = BOXLITE_TRY(store.TakeStale(id));
  if (stale) return Bury(store, std::move(*stale));
  return store.GetBox(id);
}

Result<void> BuryTheDead(store::Store& store) {
  auto dead = BOXLITE_TRY(store.TakeStale());
  for (store::StaleBox& stale : dead) BOXLITE_TRY(Bury(store, std::move(stale)));
  return {};
}

Result<VmStart> StartVm(store::Store& store, const helper::Installation& installation,
                        const std::string& id, const images::Rootfs& rootfs,
                        const UniqueFd& blank_scratch) {
  UniqueFd box_dir = BOXLITE_TRY(store.home().CreateBoxDir(id));
  UniqueFd start_lock = BOXLITE_TRY(TakeStartLock(box_dir, id));
  BoxRecord before = BOXLITE_TRY(store.GetBox(id));
  if (store::IsActive(before.state)) return HeldElsewhere(id);
  auto lock = BOXLITE_TRY(store.home().LockBox(id));
  if (!lock) return HeldElsewhere(id);
  VmFiles files = BOXLITE_TRY(OpenVmFiles(store, installation, before, box_dir, blank_scratch));
  auto sockets = BOXLITE_TRY(sys::SocketPair());

  VmStart start;
  start.kvm_speed = ReadKvmSpeed(store.home());
  // The record first: a crash from here on leaves an active box whose lock is free, which is
  // buried.
  BOXLITE_TRY(store.ChangeBox(id, {before.state}, [&](BoxRecord& record) {
    record.state = BoxState::kStarting;
    record.image_digest = rootfs.image.digest;
    record.exit_reason = 0;
    record.exit_detail.clear();
    record.exit_code = store::kNoExitCode;
  }));
  auto spawned = SpawnVm(files, rootfs, *lock, sockets.second);
  if (!spawned.ok()) {
    BOXLITE_TRY(store.ChangeBox(id, {}, [&](BoxRecord& record) { record.state = before.state; }));
    return spawned.TakeError();
  }
  start.process = spawned.TakeValue();
  auto identity = store::IdentifyProcess(start.process.pid);
  start.record = BOXLITE_TRY(store.ChangeBox(id, {}, [&](BoxRecord& record) {
    if (identity.ok()) record.process = identity.value();
  }));
  start.control = std::move(sockets.first);
  return start;
}

Result<VmAttachment> AttachVm(store::Store& store, const std::string& id) {
  auto box_dir = store.home().OpenBoxDir(id);
  if (!box_dir.ok()) return HeldElsewhere(id);
  UniqueFd start_lock = BOXLITE_TRY(TakeStartLock(box_dir.value(), id));
  VmAttachment attachment;
  attachment.record = BOXLITE_TRY(store.GetBox(id));
  if (!store::IsActive(attachment.record.state)) return HeldElsewhere(id);
  attachment.image = BOXLITE_TRY(store.GetImageByDigest(attachment.record.image_digest));
  auto connection = helper::ConnectAt(box_dir.value().get(), "sock");
  if (!connection.ok()) return HeldElsewhere(id);
  attachment.connection = connection.TakeValue();
  return attachment;
}

Result<BoxRecord> RecordLaunched(store::Store& store, const std::string& id,
                                 const proto::Launched& launched) {
  // Not kept is measured again, no more.
  if (launched.kvm_speed != 0 && launched.kvm_speed != ReadKvmSpeed(store.home()))
    static_cast<void>(KeepKvmSpeed(store.home(), launched.kvm_speed));
  return store.ChangeBox(id, {BoxState::kStarting}, [&](BoxRecord& record) {
    record.state = BoxState::kRunning;
    record.started_at_ms = RealtimeMs();
    record.engine = static_cast<uint8_t>(launched.engine);
    record.engine_reason = launched.engine_reason;
    record.isolation = static_cast<uint8_t>(launched.isolation);
    record.jail.clear();
    for (const std::string& layer : launched.jail)
      record.jail += (record.jail.empty() ? "" : "\n") + layer;
  });
}

}  // namespace boxlite::box
