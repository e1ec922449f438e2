#include "store/store.h"

#include "store/database.h"
#include "store/schema.h"

namespace boxlite::store {

Result<std::unique_ptr<Store>> Store::Open(const std::string& home_path, Options options) {
  std::unique_ptr<Home> home = BOXLITE_TRY(Home::Open(home_path));
  std::unique_ptr<Database> database = BOXLITE_TRY(OpenRecords(*home, options.busy_timeout_ms));
  return std::unique_ptr<Store>(new Store(std::move(home), std::move(database)));
}

Store::Store(std::unique_ptr<Home> home, std::unique_ptr<Database> database)
    : home_(std::move(home)), database_(std::move(database)) {}

Store::~Store() = default;

}  // namespace boxlite::store
