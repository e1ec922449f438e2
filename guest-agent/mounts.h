// The file systems of a box.
//
// Before the host has spoken only what is needed to hear it is mounted: /dev and /sys. The box's
// own tree is stacked and becomes "/" by a move of its mount and a chroot, as pivot_root cannot
// leave an initramfs; user namespaces refuse to work in a tree that was chrooted into without the
// move. Everything else is mounted inside the new tree, where no symbolic link of an image leads
// out.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::agent {

Result<void> MountEarly();

// The scratch file system of the box, kept so that it can be put in order at the end.
struct BoxTree {
  UniqueFd scratch;
};

// `root_device` read-only under `scratch_device` (a tmpfs where it is empty); names without /dev/.
Result<BoxTree> EnterBoxTree(const std::string& root_device, const std::string& scratch_device);

// /proc, /sys, /dev and what belongs into them.
Result<void> MountInBox();

// Everything written is on the disk, and the scratch file system is clean.
void SettleDisks(const BoxTree& tree);

}  // namespace boxlite::agent
