// Reference: what a user writes to name an image, and the one canonical name that stands for it.
//
//   python                    docker.io/library/python:latest
//   user/tool:1.0             docker.io/user/tool:1.0
//   127.0.0.1:5000/a/b        127.0.0.1:5000/a/b:latest
//   ghcr.io/x/y@sha256:…      the same; a tag beside a digest is kept for people and not looked at
//
// The grammar is that of the distribution project. The first component is a host if it has a dot, a
// colon or an upper-case letter, or is "localhost"; without a host it is docker.io, and a single
// component there lies in "library". A path is lower-case.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/digest.h"

namespace boxlite::oci {

constexpr size_t kMaxNameLength = 255;  // host and path
constexpr size_t kMaxTagLength = 128;
constexpr std::string_view kDefaultHost = "docker.io";
constexpr std::string_view kDefaultTag = "latest";

struct Reference {
  std::string host;     // "docker.io", "127.0.0.1:5000"
  std::string path;     // "library/python"
  std::string tag;      // empty only where a digest is given without one
  Digest digest;        // empty: by tag
  std::string written;  // the path as the user wrote it: "python"
  bool host_written = false;

  // "docker.io/library/python:slim", the name under which an image is recorded.
  std::string Canonical() const;
  // What a registry is asked for: the digest, else the tag.
  std::string Selector() const { return digest ? digest.Text() : tag; }
};

// invalid-argument, naming the rule that is broken.
Result<Reference> ParseReference(std::string_view text);

// Whether `text` is a host with an optional port as references have it.
bool IsHost(std::string_view text);
// Whether `text` is one or more path components.
bool IsPath(std::string_view text);

}  // namespace boxlite::oci
