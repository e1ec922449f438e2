// room: tar
// An archive as a hostile guest would send it, in pieces of any size, to a reader whose sink holds
// it to its promises.
#include "base/check.h"
#include "tar/reader.h"
#include "tar/writer.h"

namespace {

using boxlite::ByteSpan;
using boxlite::Result;
using boxlite::tar::Entry;

class Judge : public boxlite::tar::Sink {
 public:
  Result<void> OnEntry(const Entry& entry) override {
    BOXLITE_CHECK(!open_);
    BOXLITE_CHECK(!entry.path.empty() && entry.path.find('\0') == std::string::npos);
    BOXLITE_CHECK(entry.link.find('\0') == std::string::npos);
    open_ = true;
    size_ = entry.size;
    at_ = 0;
    // What was read can be written.
    boxlite::Bytes out;
    if (entry.extents.size() < 1000) boxlite::tar::AppendHeader(out, entry);
    return {};
  }
  Result<void> OnData(uint64_t offset, ByteSpan data) override {
    BOXLITE_CHECK(open_ && !data.empty() && offset >= at_);
    BOXLITE_CHECK(offset <= size_ && data.size() <= size_ - offset);
    at_ = offset + data.size();
    return {};
  }
  Result<void> OnEntryEnd() override {
    BOXLITE_CHECK(open_);
    open_ = false;
    return {};
  }

 private:
  bool open_ = false;
  uint64_t size_ = 0, at_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  size_t piece = data[0] * 7u + 1;
  ByteSpan rest(data + 1, size - 1);
  Judge judge;
  boxlite::tar::Reader reader(judge);
  while (!rest.empty()) {
    size_t take = std::min(piece, rest.size());
    if (!reader.Feed(rest.first(take)).ok()) return 0;
    rest = rest.subspan(take);
  }
  static_cast<void>(reader.Finish().ok());
  return 0;
}
