// What a program of the host says about itself. Thread rule: blocks; the worker's thread.
#pragma once

#include <string>

#include "base/result.h"

namespace boxlite::box {

// What `program` prints when it is called with one argument. It has timeout_ms to end and is killed
// then (kEngine). What its own children print later is not waited for.
Result<std::string> OutputOf(const std::string& program, const std::string& argument,
                             int timeout_ms);

}  // namespace boxlite::box
