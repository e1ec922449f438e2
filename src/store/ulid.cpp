#include "store/ulid.h"

#include "base/bytes.h"
#include "base/sys.h"

namespace boxlite::store {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

using Raw = std::array<uint8_t, 16>;

void StoreMillis(Raw& raw, uint64_t ms) {
  for (size_t i = 0; i < 6; ++i) raw[i] = static_cast<uint8_t>(ms >> (8 * (5 - i)));
}

uint64_t LoadMillis(const Raw& raw) {
  uint64_t ms = 0;
  for (size_t i = 0; i < 6; ++i) ms = ms << 8 | raw[i];
  return ms;
}

// Adds to the whole as one big-endian number; an overflow of the random part runs into the time,
// which keeps the order.
void Add(Raw& raw, uint64_t step) {
  for (size_t i = raw.size(); i-- > 0 && step > 0;) {
    uint64_t sum = raw[i] + (step & 0xff);
    raw[i] = static_cast<uint8_t>(sum);
    step = (step >> 8) + (sum >> 8);
  }
}

// 128 bits as 26 digits of five bits; the first digit has three.
std::string Format(const Raw& raw) {
  std::string text(kUlidSize, '0');
  unsigned bits = 0;
  unsigned held = 0;
  size_t at = kUlidSize;
  for (size_t i = raw.size(); i-- > 0;) {
    held |= static_cast<unsigned>(raw[i]) << bits;
    for (bits += 8; bits >= 5; bits -= 5, held >>= 5) text[--at] = kAlphabet[held & 31];
  }
  text[0] = kAlphabet[held & 31];
  return text;
}

}  // namespace

Result<std::string> UlidGenerator::Next(int64_t now_ms) {
  std::lock_guard lock(mutex_);
  auto now = static_cast<uint64_t>(now_ms);
  if (now > LoadMillis(last_)) {
    BOXLITE_TRY(sys::FillRandom(last_.data(), last_.size()));
    StoreMillis(last_, now);
  } else {
    uint8_t random[4];
    BOXLITE_TRY(sys::FillRandom(random, sizeof random));
    Add(last_, uint64_t{LoadLe<uint32_t>(random)} + 1);
  }
  return Format(last_);
}

std::string CanonicalUlidPrefix(std::string_view text) {
  if (text.empty() || text.size() > kUlidSize) return {};
  std::string canonical(text);
  for (char& c : canonical) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (kAlphabet.find(c) == std::string_view::npos) return {};
  }
  return canonical;
}

bool IsUlid(std::string_view text) {
  return text.size() == kUlidSize && CanonicalUlidPrefix(text) == text && text[0] <= '7';
}

}  // namespace boxlite::store
