#include "worker/job/remote_tokens.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"

namespace edgetp {
namespace {

// A disk that has to spin up, and a network between; a server that is gone ends the call at once.
constexpr absl::Duration kFetchLimit = absl::Seconds(30);
// What one request of the thread brings; larger windows come one by one.
constexpr size_t kRequestTokens = 1 << 20;

}  // namespace

RemoteTokens::RemoteTokens(v1::Blobs::StubInterface* stub, std::string job,
                           const v1::CorpusFiles& files, int vocabulary)
    : stub_(stub),
      job_(std::move(job)),
      train_(static_cast<int64_t>(files.train_tokens())),
      validation_(static_cast<int64_t>(files.validation_tokens())),
      vocabulary_(vocabulary) {}

RemoteTokens::~RemoteTokens() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    for (grpc::ClientContext* context : under_way_) context->TryCancel();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

int64_t RemoteTokens::size(Split split) const {
  return split == Split::kTrain ? train_ : validation_;
}

void RemoteTokens::Prefetch(Split split, std::vector<int64_t> starts, int tokens) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  prefetched_.push_back({split, std::move(starts), tokens});
  if (!thread_.joinable()) thread_ = std::thread([this] { FetchLoop(); });
  changed_.notify_all();
}

absl::StatusOr<std::vector<uint16_t>> RemoteTokens::ReadWindows(Split split,
                                                                absl::Span<const int64_t> starts,
                                                                int tokens) const {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto found =
        std::find_if(prefetched_.begin(), prefetched_.end(), [&](const Windows& windows) {
          return windows.split == split && windows.tokens == tokens && windows.starts == starts;
        });
    if (found != prefetched_.end()) {
      // The thread ends every fetch within kFetchLimit.
      changed_.wait(lock, [&] { return found->done; });
      const Windows windows = std::move(*found);
      prefetched_.erase(found);
      RETURN_IF_ERROR(windows.status);
      return windows.content;
    }
  }
  return Fetch(split, starts, tokens);
}

std::vector<std::list<RemoteTokens::Windows>::iterator> RemoteTokens::NextWanted() const {
  std::vector<std::list<Windows>::iterator> next;
  size_t total = 0;
  for (auto at = prefetched_.begin(); at != prefetched_.end(); ++at) {
    if (!at->wanted) continue;
    const size_t tokens = at->starts.size() * at->tokens;
    const bool fits =
        next.empty() || (at->split == next[0]->split && at->tokens == next[0]->tokens &&
                         total + tokens <= kRequestTokens);
    if (!fits) break;
    next.push_back(at);
    total += tokens;
  }
  return next;
}

// Entries that are being fetched stay where they are: only who has waited for one removes it.
void RemoteTokens::FetchLoop() const {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    std::vector<std::list<Windows>::iterator> next;
    changed_.wait(lock, [&] { return closing_ || !(next = NextWanted()).empty(); });
    if (closing_) return;
    std::vector<int64_t> starts;
    for (const auto& windows : next) {
      windows->wanted = false;
      starts.insert(starts.end(), windows->starts.begin(), windows->starts.end());
    }
    const Split split = next[0]->split;
    const int tokens = next[0]->tokens;
    lock.unlock();
    const auto fetched = Fetch(split, starts, tokens);
    lock.lock();
    size_t at = 0;
    for (const auto& windows : next) {
      const size_t size = windows->starts.size() * tokens;
      windows->status = fetched.status();
      if (fetched.ok())
        windows->content.assign(fetched->begin() + at, fetched->begin() + at + size);
      windows->done = true;
      at += size;
    }
    changed_.notify_all();
  }
}

absl::StatusOr<std::vector<uint16_t>> RemoteTokens::Fetch(Split split,
                                                          absl::Span<const int64_t> starts,
                                                          int tokens) const {
  v1::GetWindowsRequest request;
  request.set_job(job_);
  request.set_validation(split == Split::kValidation);
  request.set_tokens(tokens);
  for (const int64_t start : starts) request.add_starts(start);
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + kFetchLimit));
  std::list<grpc::ClientContext*>::iterator under_way;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return absl::CancelledError("read tokens: the job is over");
    under_way = under_way_.insert(under_way_.end(), &context);
  }
  std::vector<uint16_t> windows;
  windows.reserve(starts.size() * tokens);
  const absl::Status received = Receive(request, &context, &windows);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    under_way_.erase(under_way);
  }
  RETURN_IF_ERROR(Annotate(received, absl::StrCat("read tokens of the ", NameOf(split), " split")));
  RETURN_IF_ERROR(CheckTokens(split, starts, tokens, windows));
  return windows;
}

absl::Status RemoteTokens::Receive(const v1::GetWindowsRequest& request,
                                   grpc::ClientContext* context,
                                   std::vector<uint16_t>* windows) const {
  const auto reader = stub_->GetWindows(context, request);
  v1::TokenWindow window;
  int count = 0;
  bool fits = true;
  while (reader->Read(&window)) {
    if (window.tokens().size() != request.tokens() * sizeof(uint16_t)) {
      fits = false;
      context->TryCancel();
      break;
    }
    const size_t at = windows->size();
    windows->resize(at + request.tokens());
    std::memcpy(windows->data() + at, window.tokens().data(), window.tokens().size());
    ++count;
  }
  const absl::Status end = FromGrpc(reader->Finish());
  if (fits) RETURN_IF_ERROR(end);
  if (fits && count == request.starts_size()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("windows are missing (want=", request.starts_size(), " got=", count, ")"));
}

absl::Status RemoteTokens::CheckTokens(Split split, absl::Span<const int64_t> starts, int tokens,
                                       const std::vector<uint16_t>& windows) const {
  const auto outside = std::find_if(windows.begin(), windows.end(),
                                    [this](uint16_t token) { return token >= vocabulary_; });
  if (outside == windows.end()) return absl::OkStatus();
  const int64_t at = outside - windows.begin();
  return TokenOutside(split, *outside, starts[at / tokens] + at % tokens, vocabulary_);
}

}  // namespace edgetp
