// Getting hold of a job of boxlite-image. A job is a directory images/jobs/<key>:
//
//   lock      held by boxlite-image while it works (and by whoever is about to start it)
//   sock      where the others attach
//   staging/  what FETCH, IMPORT and LOAD leave: blobs/sha256/<hex>
//   out       what CONVERT and BLANK write (SAVE writes to a descriptor of the user's)
//   log       boxlite-image's standard error: what it died of, where it could not say so otherwise
//
// Who gets the lock starts boxlite-image and lets it inherit the lock; everybody else connects to
// `sock`. The socket listens before it gets its name, and it gets it before the lock leaves our
// hands. So there are two short times in which neither works: between somebody's taking the lock
// and the socket's name, and while a job is ending. Then the answer is "again", and the caller
// comes back a little later.
//
// The job's file gets its name from those who wait for it (disk_file.h), after boxlite-image is
// gone. So who started the job keeps the lock until that is done, and who gets the lock looks for
// the finished file first: nothing is made twice.
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
  kSink,   // to the descriptor `sink`
};

struct JobSpec {
  std::string key;   // a file name; equal keys are the same work
  std::string what;  // for errors: "pull python:slim"
  Bytes request;     // the OPEN
  Output output = Output::kBlobs;
  UniqueFd source;          // IMPORT, LOAD
  UniqueFd sink;            // SAVE
  std::string environment;  // FETCH
  // Output::kFile: where the finished file gets its name, and that. Where it has it, there is no
  // job.
  int target_dir = -1;  // borrowed
  std::string target;
};

// A file name that begins with `kind`, made from `parts`; different parts give different names.
std::string JobKey(std::string_view kind, const std::vector<std::string>& parts);

struct Attachment {
  UniqueFd socket;                         // to boxlite-image
  std::optional<helper::Spawned> spawned;  // where we started it
  UniqueFd staging;                        // staging/blobs/sha256
  UniqueFd out;
  UniqueFd log;
  UniqueFd lock;  // of Output::kFile where we started it
};

// Nothing: again, a little later. kAlreadyExists where the finished file is there.
Result<std::optional<Attachment>> Attach(const store::Home& home, const std::string& program,
                                         const JobSpec& spec);

}  // namespace boxlite::images
