// Getting hold of a job of boxlite-image. A job is a directory images/jobs/<key>:
//
//   lock      held by boxlite-image while it works (and by whoever is about to start it)
//   sock      where the others attach
//   staging/  what FETCH and IMPORT leave: blobs/sha256/<hex>
//   out       what CONVERT and BLANK write
//
// Who gets the lock starts boxlite-image and lets it inherit the lock; everybody else connects to
// `sock`. The socket listens before it gets its name, and it gets it before the lock leaves our
// hands. So there are two short times in which neither works: between somebody's taking the lock
// and the socket's name, and while a job is ending. Then the answer is "again", and the caller
// comes back a little later.
//
// Which file is `out` of the job that we are attached to? The starter makes a new one before there
// is a socket, so the one that was there before we connected, and still is after, is ours: a live
// socket means that its job has the lock.
//
// Thread rule: any thread; blocks for a few system calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "helper/spawn.h"
#include "store/home.h"

namespace boxlite::images {

enum class Output {
  kBlobs,  // in staging/
  kFile,   // in out
};

struct JobSpec {
  std::string key;   // a file name; equal keys are the same work
  std::string what;  // for errors: "pull python:slim"
  Bytes request;     // the OPEN
  Output output = Output::kBlobs;
  UniqueFd source;  // IMPORT
};

// A file name that begins with `kind`, made from `parts`; different parts give different names.
std::string JobKey(std::string_view kind, const std::vector<std::string>& parts);

struct Attachment {
  UniqueFd socket;                         // to boxlite-image
  std::optional<helper::Spawned> spawned;  // where we started it
  UniqueFd staging;                        // staging/blobs/sha256
  UniqueFd out;
};

// Nothing: again, a little later.
Result<std::optional<Attachment>> Attach(const store::Home& home, const std::string& program,
                                         const JobSpec& spec);

}  // namespace boxlite::images
