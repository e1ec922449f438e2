// Several blobs at a time, each hashed as it is written. A transfer that breaks off is gone on with
// where it ended (Range), or begun again where the registry cannot do that; the hash is over the
// whole either way. Anything that trying again cannot mend ends them all.
#include <algorithm>
#include <charconv>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "image/registry_client.h"
#include "image/retry.h"

namespace boxlite::image {
namespace {

// A token may run out on the way; one that is refused again and again never was any good.
constexpr int kMaxRefusals = 3;
// A try that brought less than this has brought nothing.
constexpr uint64_t kLeastGain = 64 * 1024;
constexpr uint64_t kGainsInBlob = 20;     // of a small one
constexpr uint64_t kSlowestAverage = 16;  // bytes a millisecond, over a whole blob

// "bytes 100-199/200": the first number and the last, where it is one.
struct ContentRange {
  uint64_t from = 0;
  std::optional<uint64_t> size;
};

bool TakeNumber(std::string_view& text, uint64_t& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

std::optional<ContentRange> ParseContentRange(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  ContentRange range;
  uint64_t last = 0;
  if (text.substr(0, kUnit.size()) != kUnit) return std::nullopt;
  text.remove_prefix(kUnit.size());
  if (!TakeNumber(text, range.from) || text.substr(0, 1) != "-") return std::nullopt;
  text.remove_prefix(1);
  if (!TakeNumber(text, last) || last < range.from || text.substr(0, 1) != "/") return std::nullopt;
  text.remove_prefix(1);
  if (text == "*") return range;
  range.size = 0;
  if (!TakeNumber(text, *range.size) || !text.empty()) return std::nullopt;
  return range;
}

}  // namespace

class BlobDownloads {
 public:
  BlobDownloads(RegistryClient& client, const BlobTarget& target, Progress& progress)
      : client_(client), target_(target), progress_(progress) {}

  Result<void> Run(const std::vector<Descriptor>& blobs);

 private:
  struct Download {
    explicit Download(Descriptor descriptor, int attempts)
        : blob(std::move(descriptor)), retry(attempts) {}

    Descriptor blob;
    Retry retry;
    std::optional<StagedBlob> staged;  // until it is whole
    bool begun = false;
    uint64_t counted = 0;  // of the progress
    uint64_t reached = 0;  // the farthest that the tries before came
    int64_t delay_ms = 0;  // before the next try
    int refusals = 0;
    bool resumed = false;      // what is staged comes from several answers
    bool wrong_range = false;  // this one does not fit to what is staged
    bool only_whole = false;   // the next one is to be the whole blob
  };

  Result<void> Plan(const std::vector<Descriptor>& blobs);
  Result<void> StartSome();
  Result<void> Start(Download& download);
  Result<void> Restart(Download& download);
  Result<void> Begin(Download& download, const HttpResponse& response);
  Error WrongPart(const Download& download) const;
  Result<void> Take(Download& download, ByteSpan bytes);
  void Done(Download& download, HttpOutcome outcome);
  Result<void> Complete(Download& download, HttpOutcome outcome);
  // The answer is over: the blob, another try, or the error.
  Result<void> Settle(Download& download, const HttpOutcome& outcome);
  Result<void> Commit(Download& download);
  // The outcome is not what was wanted: another try, or the error.
  Result<void> TryAgain(Download& download, const HttpOutcome& outcome, Error error);
  void Count(Download& download);
  void CountLayer(uint64_t bytes);

  RegistryClient& client_;
  const BlobTarget& target_;
  Progress& progress_;
  std::deque<Download> downloads_;  // stable addresses
  std::deque<Download*> waiting_;
  int active_ = 0;
  std::optional<HttpResponse> refused_;  // a 401: the client's present token is used up
  std::optional<Error> failure_;
};

void BlobDownloads::Count(Download& download) {
  uint64_t before = std::exchange(download.counted, download.staged->written());
  progress_.Update([before, now = download.counted](proto::ProgressEvent& state) {
    state.bytes_done += now - before;
  });
}

void BlobDownloads::CountLayer(uint64_t bytes) {
  progress_.Update([bytes](proto::ProgressEvent& state) {
    state.bytes_done += bytes;
    ++state.layers_done;
  });
}

Result<void> BlobDownloads::Plan(const std::vector<Descriptor>& blobs) {
  std::vector<oci::Digest> digests;
  for (const Descriptor& blob : blobs) {
    // One layer may occur several times in an image.
    bool twice = std::find(digests.begin(), digests.end(), blob.digest) != digests.end();
    digests.push_back(blob.digest);
    if (twice || BOXLITE_TRY(target_.staging.Has(blob.digest, blob.size, target_.trust))) {
      CountLayer(blob.size);
      continue;
    }
    Download& download = downloads_.emplace_back(blob, client_.http_.limits().attempts);
    download.staged.emplace(BOXLITE_TRY(target_.staging.Resume(blob.digest, blob.size)));
    waiting_.push_back(&download);
  }
  return target_.staging.KeepPieces(digests);
}

Result<void> BlobDownloads::Run(const std::vector<Descriptor>& blobs) {
  BOXLITE_TRY(Plan(blobs));
  target_.planned();
  while (!waiting_.empty()) {
    BOXLITE_TRY(StartSome());
    Result<void> ran = client_.http_.Run();
    if (failure_) return *failure_;
    BOXLITE_TRY(std::move(ran));
    if (!refused_) continue;
    BOXLITE_TRY(client_.Authorize(*refused_));
    refused_.reset();
  }
  return {};
}

Result<void> BlobDownloads::StartSome() {
  while (active_ < client_.http_.limits().parallel && !waiting_.empty() && !failure_ && !refused_) {
    Download& download = *waiting_.front();
    waiting_.pop_front();
    BOXLITE_TRY(Start(download));
  }
  return {};
}

Result<void> BlobDownloads::Restart(Download& download) {
  BOXLITE_TRY(download.staged->Restart());
  download.resumed = false;
  Count(download);
  return {};
}

Result<void> BlobDownloads::Start(Download& download) {
  if (!std::exchange(download.begun, true)) {
    BOXLITE_TRY(download.staged->TakeUp());
    download.reached = download.staged->written();
    Count(download);
  }
  uint64_t size = download.blob.size;
  if (size > 0 && download.staged->written() == size) {
    // Whole, but the process before us ended before it could give it its name.
    Result<void> committed = Commit(download);
    if (committed.ok() || committed.error().code() != Code::kImage) return committed;
    download.only_whole = true;
  }
  if (download.only_whole) BOXLITE_TRY(Restart(download));
  download.resumed = download.staged->written() > 0;
  HttpRequest request;
  request.url = client_.Url("blobs", download.blob.digest.Text());
  request.authorization = client_.authorization_;
  request.from = download.staged->written();
  request.time_ms =
      client_.http_.limits().document_ms + static_cast<int64_t>(size / kSlowestAverage);
  request.delay_ms = std::exchange(download.delay_ms, 0);
  request.begin = [this, &download](const HttpResponse& response) {
    return Begin(download, response);
  };
  request.body = [this, &download](ByteSpan bytes) { return Take(download, bytes); };
  HttpDone done = [this, &download](HttpOutcome outcome) { Done(download, std::move(outcome)); };
  BOXLITE_TRY(client_.http_.Start(std::move(request), std::move(done)));
  ++active_;
  return {};
}

Result<void> BlobDownloads::Begin(Download& download, const HttpResponse& response) {
  uint64_t written = download.staged->written();
  if (response.status == 200) return written > 0 ? Restart(download) : Result<void>();
  std::optional<ContentRange> range = ParseContentRange(response.content_range);
  bool fits = response.status == 206 && range && range->from == written &&
              range->size.value_or(download.blob.size) == download.blob.size;
  if (fits) return {};
  download.wrong_range = true;
  return WrongPart(download);
}

Error BlobDownloads::WrongPart(const Download& download) const {
  return Error(Code::kNetwork, "registry " + client_.location_.registry.Url() +
                                   " answered with another part of blob " +
                                   download.blob.digest.Text() + " than it was asked for");
}

Result<void> BlobDownloads::Take(Download& download, ByteSpan bytes) {
  BOXLITE_TRY(download.staged->Append(bytes));
  Count(download);
  return {};
}

void BlobDownloads::Done(Download& download, HttpOutcome outcome) {
  --active_;
  Result<void> completed = Complete(download, std::move(outcome));
  if (completed.ok()) completed = StartSome();
  if (completed.ok()) return;
  if (!failure_) failure_ = completed.TakeError();
  client_.http_.Abandon();
}

Result<void> BlobDownloads::Complete(Download& download, HttpOutcome outcome) {
  long status = outcome.response.ok() ? outcome.response.value().status : 0;
  if (status == 401 && ++download.refusals < kMaxRefusals) {
    // The token has run out on the way. Run asks for another when the other transfers have ended;
    // nothing is started meanwhile.
    refused_ = outcome.response.TakeValue();
    waiting_.push_front(&download);
    return {};
  }
  bool unfit = std::exchange(download.wrong_range, false) || status == 416;
  Result<void> done = unfit ? Result<void>(WrongPart(download)) : Settle(download, outcome);
  // Pieces that do not fit together, perhaps of different answers: once more, as a whole.
  bool pieces = unfit || (!done.ok() && done.error().code() == Code::kImage && download.resumed);
  if (!pieces || std::exchange(download.only_whole, true)) return done;
  waiting_.push_back(&download);
  return {};
}

Result<void> BlobDownloads::Settle(Download& download, const HttpOutcome& outcome) {
  if (!outcome.response.ok()) return TryAgain(download, outcome, outcome.response.error());
  const HttpResponse& response = outcome.response.value();
  if (response.status != 200 && response.status != 206) {
    std::string url = client_.Url("blobs", download.blob.digest.Text());
    return TryAgain(download, outcome, client_.StatusError(response, url));
  }
  Result<void> committed = Commit(download);
  if (committed.ok() || committed.error().code() != Code::kNetwork) return committed;
  return TryAgain(download, {committed.error(), Again::kYes}, committed.error());
}

Result<void> BlobDownloads::Commit(Download& download) {
  BOXLITE_TRY(download.staged->Commit());
  download.staged.reset();
  CountLayer(0);
  return {};
}

Result<void> BlobDownloads::TryAgain(Download& download, const HttpOutcome& outcome, Error error) {
  uint64_t enough = std::min(kLeastGain, download.blob.size / kGainsInBlob + 1);
  if (download.staged->written() >= download.reached + enough) {
    download.reached = download.staged->written();
    download.retry.Gained();
  }
  std::optional<int64_t> delay_ms = download.retry.DelayAfter(outcome);
  if (!delay_ms) return error;
  download.delay_ms = *delay_ms;
  waiting_.push_back(&download);
  return {};
}

Result<void> RegistryClient::GetBlobs(const std::vector<Descriptor>& blobs,
                                      const BlobTarget& target, Progress& progress) {
  return BlobDownloads(*this, target, progress).Run(blobs);
}

}  // namespace boxlite::image
