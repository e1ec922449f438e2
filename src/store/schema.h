// The tables of the records, and their history: a list of steps, append only. The number of steps
// that a file has seen is SQLite's user_version.
#pragma once

#include <memory>

#include "base/result.h"
#include "store/database.h"
#include "store/home.h"

namespace boxlite::store {

// Opens db/boxlite.db, which is made whole or not at all where it is missing and brought up to date
// where it is older. kDatabase where it is damaged, foreign or newer.
Result<std::unique_ptr<Database>> OpenRecords(const Home& home, int busy_timeout_ms);

}  // namespace boxlite::store
