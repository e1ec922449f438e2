// The OCI image layout in images/: blobs named by their digest, and index.json, which lists the
// images that our records name and those that another program (skopeo) put there. Ours carry an
// annotation of ours; what does not is kept as it is, and while there is any such entry no blob is
// removed, because only its manifests know what it needs.
//
// index.json is read and written by SQLite's JSON functions: so this process needs no other parser,
// and only what the user's own programs wrote is ever read by it.
//
// Thread rule: with the store's mutex held and inside its transaction, but for SyncBlobs.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/home.h"
#include "store/records.h"

namespace boxlite::store {

struct Blob {
  std::string hex;
  std::optional<uint64_t> size;  // where the record says it
};

// The image's manifest first, then its config and layers. kImage for a digest that is none.
Result<std::vector<Blob>> BlobsOf(const ImageRecord& image);

// Checks that every blob is staged or stored as a plain file of the right size, and writes what is
// staged through to the disk. Returns the manifest's size. `staging_fd` is -1 where nothing is
// staged.
Result<uint64_t> SyncBlobs(const Home& home, int staging_fd, const std::vector<Blob>& blobs);
// Moves what is staged into the layout, and checks that everything is there then.
Result<void> PlaceBlobs(const Home& home, int staging_fd, const std::vector<Blob>& blobs);

// Brings oci-layout and index.json up to date with the records.
Result<void> WriteIndex(const Home& home, Database& database);
// index.json has entries that are not ours.
Result<bool> IndexHasForeignEntries(const Home& home, Database& database);
Result<bool> IndexNames(const Home& home, Database& database, const std::string& reference);

}  // namespace boxlite::store
