// The messages of docs/protocol.md, one struct each. Tags are append only; a field's meaning never
// changes. Every OPEN begins with tag 1, its operation, so that a relay reads that and passes the
// rest on unread; every CLOSE begins with tag 1, how it ended (code 0 is success).
#pragma once

#include "proto/agent_messages.h"
#include "proto/image_messages.h"
#include "proto/operations.h"
#include "proto/vm_messages.h"
