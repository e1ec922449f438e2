// Leaves the host's namespaces and its file system: the process goes on in user, mount, ipc,
// network and uts namespaces of its own, in a root that is empty and read-only. What is open stays
// open.
//
// Thread rule: the main thread while it is the only one.
#pragma once

#include "base/result.h"

namespace boxlite::jail {

// kSameUser: the host refused a user namespace, the others were made with the privileges that there
// are. An error where both were refused or the root could not be emptied; then nothing has changed,
// because a child has tried it before.
enum class RootKind { kOwnUser, kSameUser };
Result<RootKind> EnterEmptyRoot();

}  // namespace boxlite::jail
