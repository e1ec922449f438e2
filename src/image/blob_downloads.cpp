// Several blobs at a time, each hashed as it is written. A transfer that breaks off is begun again
// a few times; anything else that goes wrong with one ends them all.
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "image/registry_client.h"

namespace boxlite::image {
namespace {

constexpr size_t kParallel = 4;
constexpr int kAttempts = 3;

}  // namespace

class BlobDownloads {
 public:
  BlobDownloads(RegistryClient& client, const Staging& staging, Progress& progress)
      : client_(client), staging_(staging), progress_(progress) {}

  Result<void> Run(const std::vector<Descriptor>& blobs);

 private:
  struct Download {
    Descriptor blob;
    std::optional<StagedBlob> staged;
    uint64_t received = 0;
    int attempts = 0;
  };

  Result<void> StartSome();
  Result<void> Start(Download& download);
  void Done(Download& download, Result<HttpResponse> outcome);
  Result<void> Complete(Download& download, Result<HttpResponse> outcome);
  void Count(int64_t bytes, uint32_t layers);

  RegistryClient& client_;
  const Staging& staging_;
  Progress& progress_;
  std::deque<Download> downloads_;  // stable addresses
  std::deque<Download*> waiting_;
  size_t active_ = 0;
  std::optional<HttpResponse> refused_;  // a 401: the client's present token is used up
  std::optional<Error> failure_;
};

void BlobDownloads::Count(int64_t bytes, uint32_t layers) {
  progress_.Update([bytes, layers](proto::ProgressEvent& state) {
    state.bytes_done += static_cast<uint64_t>(bytes);
    state.layers_done += layers;
  });
}

Result<void> BlobDownloads::Run(const std::vector<Descriptor>& blobs) {
  for (const Descriptor& blob : blobs) {
    if (BOXLITE_TRY(staging_.Has(blob.digest, blob.size))) {
      Count(static_cast<int64_t>(blob.size), 1);
      continue;
    }
    bool twice = false;  // one layer may occur several times in an image
    for (const Download& other : downloads_) twice = twice || other.blob.digest == blob.digest;
    if (twice) {
      Count(static_cast<int64_t>(blob.size), 1);
      continue;
    }
    downloads_.emplace_back().blob = blob;
    waiting_.push_back(&downloads_.back());
  }
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
  while (active_ < kParallel && !waiting_.empty() && !failure_ && !refused_) {
    Download& download = *waiting_.front();
    waiting_.pop_front();
    BOXLITE_TRY(Start(download));
  }
  return {};
}

Result<void> BlobDownloads::Start(Download& download) {
  if (download.staged) {
    BOXLITE_TRY(download.staged->Restart());
  } else {
    download.staged.emplace(BOXLITE_TRY(staging_.Create(download.blob.digest, download.blob.size)));
  }
  Count(-static_cast<int64_t>(std::exchange(download.received, 0)), 0);
  ++download.attempts;
  HttpRequest request;
  request.url = client_.Url("blobs", download.blob.digest.Text());
  request.bearer = client_.token_;
  request.body = [this, &download](ByteSpan bytes) -> Result<void> {
    BOXLITE_TRY(download.staged->Append(bytes));
    download.received += bytes.size();
    Count(static_cast<int64_t>(bytes.size()), 0);
    return {};
  };
  HttpDone done = [this, &download](Result<HttpResponse> outcome) {
    Done(download, std::move(outcome));
  };
  BOXLITE_TRY(client_.http_.Start(std::move(request), std::move(done)));
  ++active_;
  return {};
}

void BlobDownloads::Done(Download& download, Result<HttpResponse> outcome) {
  --active_;
  Result<void> completed = Complete(download, std::move(outcome));
  if (completed.ok()) completed = StartSome();
  if (completed.ok()) return;
  if (!failure_) failure_ = completed.TakeError();
  client_.http_.Abandon();
}

Result<void> BlobDownloads::Complete(Download& download, Result<HttpResponse> outcome) {
  bool again = download.attempts < kAttempts;
  if (outcome.ok() && outcome.value().status == 401 && again) {
    // The token has run out on the way. Run asks for another when the other transfers have ended;
    // nothing is started meanwhile.
    refused_ = outcome.TakeValue();
    waiting_.push_front(&download);
    return {};
  }
  Result<void> done;
  if (!outcome.ok()) {
    done = outcome.TakeError();
  } else if (outcome.value().status != 200) {
    done = client_.StatusError(outcome.value(), client_.Url("blobs", download.blob.digest.Text()));
  } else {
    done = download.staged->Commit();
  }
  if (!done.ok() && done.error().code() == Code::kNetwork && again) {
    waiting_.push_back(&download);
    return {};
  }
  BOXLITE_TRY(std::move(done));
  download.staged.reset();
  Count(0, 1);
  return {};
}

Result<void> RegistryClient::GetBlobs(const std::vector<Descriptor>& blobs, const Staging& staging,
                                      Progress& progress) {
  return BlobDownloads(*this, staging, progress).Run(blobs);
}

}  // namespace boxlite::image
