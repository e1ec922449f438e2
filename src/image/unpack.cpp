// Decompressors. Each keeps one buffer of compressed input; the output goes straight to the caller.
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "image/limits.h"
#include "image/source.h"

namespace boxlite::image {
namespace {

constexpr size_t kInputBytes = 128 * kKib;
constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for the largest window and gzip alone

Error Damaged(const std::string& form, const std::string& how) {
  return Error(Code::kImage, "its " + form + " stream " + how);
}

// Compressed input with a way to look at its first bytes.
class Input {
 public:
  explicit Input(ByteSource& below) : below_(below), buffer_(kInputBytes) {}

  ByteSpan rest() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void Consume(size_t count) { begin_ += count; }
  uint64_t total() const { return total_; }  // read from below

  // More input if there is none; false at the end.
  Result<bool> Fill() {
    if (begin_ < end_) return true;
    begin_ = end_ = 0;
    return More();
  }
  // Until there are `size` bytes or the end.
  Result<void> Want(size_t size) {
    while (end_ - begin_ < size) {
      if (!BOXLITE_TRY(More())) return {};
    }
    return {};
  }

 private:
  Result<bool> More() {
    size_t count = BOXLITE_TRY(below_.Read(buffer_.data() + end_, buffer_.size() - end_));
    end_ += count;
    total_ += count;
    return count > 0;
  }

  ByteSource& below_;
  Bytes buffer_;
  size_t begin_ = 0, end_ = 0;
  uint64_t total_ = 0;
};

// Counts what was unpacked and stops a stream that grows out of all proportion.
class Unpacker : public ByteSource {
 public:
  Unpacker(std::unique_ptr<Input> input, const Limits& limits)
      : input_(std::move(input)), free_bytes_(limits.ratio_free_bytes) {}

  Result<size_t> Read(uint8_t* data, size_t size) final {
    size_t count = BOXLITE_TRY(Unpack(data, size));
    total_ += count;
    if (total_ > free_bytes_ && total_ / kMaxRatio > input_->total())
      return Damaged("compressed",
                     "unpacks to more than " + std::to_string(kMaxRatio) + " times its size");
    return count;
  }

 protected:
  virtual Result<size_t> Unpack(uint8_t* data, size_t size) = 0;
  Input& input() { return *input_; }

 private:
  std::unique_ptr<Input> input_;
  uint64_t free_bytes_;
  uint64_t total_ = 0;
};

class Plain final : public Unpacker {
 public:
  using Unpacker::Unpacker;

 private:
  Result<size_t> Unpack(uint8_t* data, size_t size) override {
    if (!BOXLITE_TRY(input().Fill())) return size_t{0};
    size_t count = std::min(size, input().rest().size());
    std::memcpy(data, input().rest().data(), count);
    input().Consume(count);
    return count;
  }
};

class Gzip final : public Unpacker {
 public:
  Gzip(std::unique_ptr<Input> input, const Limits& limits) : Unpacker(std::move(input), limits) {
    ready_ = inflateInit2(&stream_, kGzipWindow) == Z_OK;
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip() override {
    if (ready_) inflateEnd(&stream_);
  }

 private:
  Result<size_t> Unpack(uint8_t* data, size_t size) override {
    if (!ready_) return Error(Code::kResourceExhausted, "no memory for zlib");
    stream_.next_out = data;
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (!BOXLITE_TRY(input().Fill())) {
        if (between_members_) return size_t{0};
        return Damaged("gzip", "ends too early");
      }
      BOXLITE_TRY(Step());
    }
    return size - stream_.avail_out;
  }

  Result<void> Step() {
    ByteSpan in = input().rest();
    if (between_members_ && inflateReset(&stream_) != Z_OK)
      return Error(Code::kInternal, "zlib cannot be reset");
    between_members_ = false;
    stream_.next_in = in.data();
    stream_.avail_in = static_cast<uInt>(in.size());
    int status = inflate(&stream_, Z_NO_FLUSH);
    input().Consume(in.size() - stream_.avail_in);
    if (status == Z_STREAM_END) {
      between_members_ = true;
    } else if (status != Z_OK) {
      return Damaged("gzip", std::string("is damaged: ") +
                                 (stream_.msg != nullptr ? stream_.msg : "it makes no progress"));
    }
    return {};
  }

  z_stream stream_{};
  bool ready_ = false;
  bool between_members_ = false;
};

class Zstd final : public Unpacker {
 public:
  Zstd(std::unique_ptr<Input> input, const Limits& limits)
      : Unpacker(std::move(input), limits),
        window_log_(limits.zstd_window_log),
        stream_(ZSTD_createDStream()) {
    if (stream_ != nullptr) ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, window_log_);
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };

  Result<size_t> Unpack(uint8_t* data, size_t size) override {
    if (stream_ == nullptr) return Error(Code::kResourceExhausted, "no memory for zstd");
    ZSTD_outBuffer out{data, size, 0};
    while (out.pos == 0) {
      bool more = BOXLITE_TRY(input().Fill());
      if (!more && frame_done_) return size_t{0};
      ByteSpan rest = input().rest();
      ZSTD_inBuffer in{rest.data(), rest.size(), 0};
      size_t status = ZSTD_decompressStream(stream_.get(), &out, &in);
      input().Consume(in.pos);
      if (ZSTD_isError(status) != 0) return Failed(status);
      frame_done_ = status == 0;
      if (!more && out.pos == 0 && !frame_done_) return Damaged("zstd", "ends too early");
    }
    return out.pos;
  }

  Error Failed(size_t status) const {
    if (ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge)
      return Damaged("zstd", "needs a window larger than " +
                                 std::to_string((uint64_t{1} << window_log_) / kMib) + " MiB")
          .WithHint("raise zstd_window_mib in config.json, where there is memory for it");
    return Damaged("zstd", std::string("is damaged: ") + ZSTD_getErrorName(status));
  }

  int window_log_;
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool frame_done_ = false;
};

bool IsGzip(ByteSpan head) {
  return head.size() >= 2 && head[0] == 0x1f && head[1] == 0x8b;
}

// A frame, or one of the sixteen kinds that a decoder skips.
bool IsZstd(ByteSpan head) {
  if (head.size() < 4) return false;
  uint32_t magic = LoadLe<uint32_t>(head.data());
  return magic == ZSTD_MAGICNUMBER ||
         (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

}  // namespace

std::string_view CompressionSuffix(ByteSpan head) {
  if (IsGzip(head)) return "+gzip";
  return IsZstd(head) ? "+zstd" : "";
}

Result<std::unique_ptr<ByteSource>> MakeUnpacker(ByteSource& below, const Limits& limits) {
  auto input = std::make_unique<Input>(below);
  BOXLITE_TRY(input->Want(4));
  ByteSpan head = input->rest();
  std::unique_ptr<ByteSource> made;
  if (IsGzip(head)) {
    made = std::make_unique<Gzip>(std::move(input), limits);
  } else if (IsZstd(head)) {
    made = std::make_unique<Zstd>(std::move(input), limits);
  } else {
    made = std::make_unique<Plain>(std::move(input), limits);
  }
  return made;
}

}  // namespace boxlite::image
