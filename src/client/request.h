// Request: an operation without data: a record goes out, ACCEPT's and CLOSE's come back.
//
// Thread rule: the loop's thread. The functions may destroy the Request; destroying it before
// `closed` cancels the operation.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "helper/connection.h"

namespace boxlite::client {

class Request : private helper::CallHandler {
 public:
  using Accepted = std::function<void(ByteSpan)>;
  using Closed = std::function<void(Result<ByteSpan>)>;

  static Result<std::unique_ptr<Request>> Open(helper::Connection& connection, ByteSpan record,
                                               Accepted accepted, Closed closed) {
    std::unique_ptr<Request> request(new Request(std::move(accepted), std::move(closed)));
    request->call_ = BOXLITE_TRY(connection.Open(record, 0, *request));
    return request;
  }

 private:
  Request(Accepted accepted, Closed closed)
      : accepted_(std::move(accepted)), closed_(std::move(closed)) {}
  void OnAccept(ByteSpan record) override {
    Accepted accepted = accepted_;
    if (accepted) accepted(record);
  }
  void OnClosed(Result<ByteSpan> how) override {
    Closed closed = std::move(closed_);
    if (closed) closed(std::move(how));
  }

  Accepted accepted_;
  Closed closed_;
  std::unique_ptr<helper::Call> call_;
};

}  // namespace boxlite::client
