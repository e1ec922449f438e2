#include "images/job.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_files.h"
#include "proto/messages.h"

namespace boxlite::images {
namespace {

// How long a job may neither be started nor joined; the times in which that is so last
// milliseconds.
constexpr int64_t kAttachLimitMs = 10'000;
constexpr uint64_t kLongestDelayMs = 64;
constexpr size_t kMaxLastWords = 512;

// The last line that boxlite-image wrote, ": " before it; empty where it wrote none.
std::string LastWords(const UniqueFd& log) {
  if (!log) return {};
  char text[kMaxLastWords];
  Result<struct stat> file = sys::Stat(log.get());
  if (!file.ok()) return {};
  auto end = static_cast<uint64_t>(file.value().st_size);
  uint64_t from = end - std::min<uint64_t>(end, sizeof text);
  Result<size_t> count = sys::ReadAt(log.get(), text, sizeof text, from);
  if (!count.ok()) return {};
  std::string_view words(text, count.value());
  while (!words.empty() && words.back() == '\n') words.remove_suffix(1);
  words.remove_prefix(words.rfind('\n') + 1);  // npos + 1 is 0
  return words.empty() ? std::string() : ": " + Printable(words);
}

struct CloseHeader {
  proto::ErrorRecord status;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status);
  }
};

}  // namespace

void Reaper::Keep(helper::Spawned spawned) {
  auto place = std::make_shared<helper::Process*>(nullptr);
  auto process = helper::Process::Watch(loop_, std::move(spawned), [this, place] {
    auto at = std::find_if(processes_.begin(), processes_.end(),
                           [&](const auto& kept) { return kept.get() == *place; });
    if (at != processes_.end()) processes_.erase(at);
  });
  if (!process.ok()) return;  // Nobody to tell; init reaps it in nearly every case.
  *place = process.value().get();
  processes_.insert(process.TakeValue());
}

Job::Job(const JobHost& host, std::shared_ptr<const JobSpec> spec, EventHandler event, Done done)
    : host_(host),
      spec_(std::move(spec)),
      event_(std::move(event)),
      done_(std::move(done)),
      deadline_ms_(MonotonicMs() + kAttachLimitMs),
      retry_(host.loop, [this] { Try(); }) {
  Try();
}

Job::~Job() = default;

void Job::Try() {
  auto attachment = std::make_shared<std::optional<Result<std::optional<Attachment>>>>();
  host_.executor.Run(
      [attachment, spec = spec_, home = &host_.home, program = host_.program] {
        attachment->emplace(Attach(*home, program, *spec));
      },
      [this, attachment, reaper = host_.reaper, alive = std::weak_ptr<char>(alive_)] {
        Result<std::optional<Attachment>>& result = **attachment;
        // Also where we are gone meanwhile: the program then finds nobody on its socket, and ends.
        bool spawned = result.ok() && result.value() && result.value()->spawned;
        if (spawned) reaper->Keep(std::move(*result.value()->spawned));
        if (!alive.expired()) OnAttached(std::move(result));
      });
}

void Job::TryLater() {
  if (MonotonicMs() > deadline_ms_) {
    return Finish(Error(Code::kBusy,
                        spec_->what + ": another process holds this job and does not answer",
                        "try again"));
  }
  retry_.Start(std::exchange(next_delay_ms_, std::min(next_delay_ms_ * 2, kLongestDelayMs)));
}

void Job::OnAttached(Result<std::optional<Attachment>> attachment) {
  if (!attachment.ok()) return Finish(attachment.TakeError().Context(spec_->what));
  if (!attachment.value()) return TryLater();
  attachment_ = std::move(*attachment.value());
  started_ = attachment_.spawned.has_value();
  accepted_ = false;
  host_.log.Debug(spec_->what + (started_ ? ": started" : ": joined"));
  Result<void> talking = Talk(std::move(attachment_.socket));
  if (!talking.ok()) Finish(talking.TakeError().Context(spec_->what));
}

Result<void> Job::Talk(UniqueFd socket) {
  helper::Connection::Events events;
  events.ended = [](const Error&) {};  // The call has heard of it.
  connection_ = BOXLITE_TRY(helper::Connection::Create(host_.loop, std::move(socket),
                                                       "boxlite-image", std::move(events)));
  call_ = BOXLITE_TRY(connection_->Open(spec_->request, 0, *this));
  return {};
}

void Job::OnAccept(ByteSpan) {
  accepted_ = true;
}

void Job::OnEvent(ByteSpan record) {
  EventHandler event = event_;  // It may destroy us.
  event(record);
}

void Job::OnClosed(Result<ByteSpan> how) {
  if (!how.ok() && how.error().code() == Code::kStopped) {
    call_.reset();
    connection_.reset();
    // We joined a job that was just ending, or its end was told before we could ask.
    if (!started_ && !accepted_) return TryLater();
    return Finish(Error(
        Code::kImage,
        spec_->what + ": boxlite-image ended in the middle of it" + LastWords(attachment_.log),
        "try again; the system's log may say why it was killed"));
  }
  if (!how.ok()) return Finish(how.TakeError().Context(spec_->what));
  Result<CloseHeader> header = proto::Decode<CloseHeader>(how.value());
  if (!header.ok()) return Finish(header.TakeError().Context("boxlite-image"));
  Result<void> status = proto::FromRecord(header.value().status);
  if (!status.ok()) return Finish(status.TakeError());
  JobResult result;
  result.record.assign(how.value().begin(), how.value().end());
  result.staging = std::move(attachment_.staging);
  result.out = std::move(attachment_.out);
  result.lock = std::move(attachment_.lock);
  Finish(std::move(result));
}

void Job::Finish(Result<JobResult> result) {
  Done done = std::move(done_);  // It may destroy us.
  done(std::move(result));
}

}  // namespace boxlite::images
