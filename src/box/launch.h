// Starting, finding and burying a box's boxlite-vm: everything about it that touches files, locks
// and records.
//
// Two locks in boxes/<id>/: `start` is held by whoever is about to start the box or to attach to
// it, for some milliseconds; `lock` belongs to boxlite-vm for as long as it lives. So whoever has
// `start` and finds `lock` taken knows that the socket is there as well.
//
// Thread rule: these functions block on disks and on no other process; they run on the worker's
// thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "helper/installation.h"
#include "helper/spawn.h"
#include "images/images.h"
#include "proto/messages.h"
#include "store/store.h"

namespace boxlite::box {

// The record of a box as it is now: one whose boxlite-vm is gone becomes stopped with its reason
// first (or is removed, where it was to be).
Result<store::BoxRecord> ReadBox(store::Store& store, const std::string& id);
// The same, and at its end the last record of a box that was to be removed then, where nobody else
// has removed it.
Result<store::BoxRecord> ReadLastRecord(store::Store& store, const std::string& id);
// The same for every box.
Result<void> BuryTheDead(store::Store& store);

struct VmStart {
  store::BoxRecord record;
  UniqueFd control;  // our end of boxlite-vm's first connection
  helper::Spawned process;
  uint32_t kvm_speed = 0;  // what is known of it (kvm_speed.h)
};
// `rootfs` and `blank_scratch` are what images made ready. kBusy where another process has the box
// just now: read the record again.
Result<VmStart> StartVm(store::Store& store, const helper::Installation& installation,
                        const std::string& id, const images::Rootfs& rootfs,
                        const UniqueFd& blank_scratch);

struct VmAttachment {
  store::BoxRecord record;
  store::ImageRecord image;
  UniqueFd connection;
};
// Connects to a box that runs or starts. kBusy as above.
Result<VmAttachment> AttachVm(store::Store& store, const std::string& id);

// What boxlite-vm said of the box's end, for its record.
void RecordExit(const proto::BoxExit& exit, store::BoxRecord& record);

// The answer to a launch, in the box's record; a speed that was measured for it is kept.
Result<store::BoxRecord> RecordLaunched(store::Store& store, const std::string& id,
                                        const proto::Launched& launched);

}  // namespace boxlite::box
