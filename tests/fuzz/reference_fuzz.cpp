// room: oci
// Image references and registry entries as anybody may write them. What is accepted must mean the
// same when its canonical form is read again.
#include "base/bytes.h"
#include "base/check.h"
#include "oci/reference.h"
#include "oci/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite;  // NOLINT(google-build-using-namespace)
  std::string_view text = AsText({data, size});
  std::vector<oci::Registry> registries;
  auto registry = oci::ParseRegistry(text);
  if (registry.ok()) registries.push_back(registry.TakeValue());
  auto reference = oci::ParseReference(text);
  if (!reference.ok()) return 0;
  BOXLITE_CHECK(!oci::Locations(reference.value(), registries).empty());
  std::string canonical = reference.value().Canonical();
  auto again = oci::ParseReference(canonical);
  BOXLITE_CHECK(again.ok() && again.value().Canonical() == canonical);
  return 0;
}
