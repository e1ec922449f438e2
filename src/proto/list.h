// A list of messages as it comes on Channel::kOutput: each after its length as u32. A guest may
// send what it likes, so there is a bound to what is kept: of messages, and of the strings in them,
// each of which takes more here than on the way.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "proto/record.h"

namespace boxlite::proto {

constexpr size_t kMaxListBytes = 64 * 1024 * 1024;
constexpr size_t kMaxListEntries = 1024 * 1024;  // a message may take nothing but its length

Error ListTooLong();

// Takes the first message off the front of `bytes`; kInternal where it is cut short.
Result<ByteSpan> TakeListed(ByteSpan& bytes);

// How many entries a message counts for.
template <typename Message>
size_t EntriesOf(const Message& message) {
  if constexpr (requires { message.argv; }) return 1 + message.argv.size();
  return 1;
}

template <typename Message>
Result<std::vector<Message>> DecodeList(ByteSpan bytes) {
  std::vector<Message> list;
  for (size_t entries = 0; !bytes.empty();) {
    ByteSpan record = BOXLITE_TRY(TakeListed(bytes));
    Message message = BOXLITE_TRY(Decode<Message>(record));
    entries += EntriesOf(message);
    if (entries > kMaxListEntries) return ListTooLong();
    list.push_back(std::move(message));
  }
  return list;
}

}  // namespace boxlite::proto
