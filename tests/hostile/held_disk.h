// HeldDisk: a disk on a host that does not answer. It is a regular file of a FUSE file system that
// this object serves, so that reads and writes of it wait in the kernel as they do on a network
// that is gone; let go, they go through. For root.
//
// Source: Linux, include/uapi/linux/fuse.h. Thread rule: any thread, but for construction and
// destruction; requests are answered on a thread of its own.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::hostile_test {

class HeldDisk {
 public:
  // Answers until it is told to hold.
  static Result<std::unique_ptr<HeldDisk>> Create(Bytes content);
  // What is held is let go, and what has the file open gets errors.
  ~HeldDisk();
  HeldDisk(const HeldDisk&) = delete;
  HeldDisk& operator=(const HeldDisk&) = delete;

  // Of the file.
  const std::string& path() const { return path_; }

  void Hold();
  void LetGo();
  // How many reads and writes wait for an answer.
  size_t held() const;

 private:
  struct Request {
    uint32_t operation = 0;
    uint64_t number = 0;
    Bytes arguments;
  };

  explicit HeldDisk(Bytes content) : content_(std::move(content)) {}
  Result<void> Mount();
  void Serve();
  void Take(ByteSpan raw);
  // Each with mutex_ held.
  void Answer(const Request& request);
  void AnswerRead(const Request& request);
  void AnswerWrite(const Request& request);
  void Reply(const Request& request, int error, ByteSpan body);

  UniqueFd device_;
  UniqueFd end_;  // readable once Serve is to return
  std::string folder_, path_;
  bool mounted_ = false;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards what follows
  Bytes content_;
  std::vector<Request> held_;
  bool holds_ = false;
};

}  // namespace boxlite::hostile_test
