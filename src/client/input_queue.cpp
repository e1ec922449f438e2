#include "client/input_queue.h"

#include <utility>

namespace boxlite::client {

void InputQueue::Push(Bytes data, Taken taken) {
  entries_.push_back({std::move(data), std::move(taken)});
}

void InputQueue::End() {
  end_wanted_ = true;
}

void InputQueue::Pump(helper::Call& call) {
  while (!entries_.empty()) {
    ByteSpan rest = ByteSpan(entries_.front().data).subspan(sent_);
    size_t sent = call.Send(rest);
    sent_ += sent;
    if (sent < rest.size()) return;
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    sent_ = 0;
    if (entry.taken) entry.taken({});
  }
  if (end_wanted_ && !end_sent_) {
    end_sent_ = true;
    call.SendEnd();
  }
}

void InputQueue::Abandon(const Error& why) {
  std::deque<Entry> entries = std::exchange(entries_, {});
  for (Entry& entry : entries) {
    if (entry.taken) entry.taken(why);
  }
}

}  // namespace boxlite::client
