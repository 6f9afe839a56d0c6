#include "tests/model/thread_group.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <thread>

#include "absl/strings/str_cat.h"
#include "worker/model/torch.h"

namespace edgetp::test {

class ThreadGroup::Member : public Communicator {
 public:
  Member(ThreadGroup* group, int rank) : group_(group), rank_(rank) {}
  int rank() const override { return rank_; }
  int world_size() const override { return group_->world_size(); }
  absl::Status AllReduce(const CollectiveTag& tag, absl::Span<float> data) override {
    return group_->AllReduce(rank_, {tag}, data);
  }
  absl::StatusOr<int64_t> Start(const CollectiveTag& tag, absl::Span<float> data) override {
    Late late{tag, data, {data.begin(), data.end()}};
    const absl::Status status = group_->AllReduce(rank_, {tag, false, CollectivePart::kStart},
                                                  absl::MakeSpan(late.sum));
    if (!status.ok()) return status;
    std::fill(data.begin(), data.end(), std::numeric_limits<float>::quiet_NaN());
    // Nobody else has completed a start since: that takes this rank, too.
    late.number = group_->starts_ - 1;
    late_.emplace(next_, std::move(late));
    return next_++;
  }
  absl::Status Wait(int64_t handle) override {
    const auto node = late_.extract(handle);
    if (node.empty()) return absl::InternalError("a wait without its start");
    const Late& late = node.mapped();
    std::copy(late.sum.begin(), late.sum.end(), late.data.begin());
    return group_->Wait(rank_, late.tag, static_cast<int64_t>(late.sum.size()), late.number);
  }
  absl::Status Gather(const CollectiveTag& tag, absl::Span<const int64_t> counts,
                      absl::Span<float> data) override {
    return group_->Gather(rank_, tag, counts, data);
  }

 private:
  struct Late {
    CollectiveTag tag;
    absl::Span<float> data;
    std::vector<float> sum;
    int64_t number = 0;
  };

  ThreadGroup* const group_;
  const int rank_;
  std::map<int64_t, Late> late_;
  int64_t next_ = 0;
};

ThreadGroup::ThreadGroup(int world_size)
    : spans_(world_size), tags_(world_size), calls_(world_size) {
  for (int rank = 0; rank < world_size; ++rank)
    members_.push_back(std::make_unique<Member>(this, rank));
}

void ThreadGroup::FailAt(int rank, int number, absl::Status status) {
  failing_rank_ = rank;
  failing_number_ = number;
  failure_ = std::move(status);
}

void ThreadGroup::Run(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size(); ++rank) {
    threads.emplace_back([rank, &body] {
      at::set_num_threads(1);
      body(rank);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The other ranks' parts of `data` count as zeros, so that rank 0 ends with everybody's part; the
// others keep what they had.
absl::Status ThreadGroup::Gather(int rank, const CollectiveTag& tag,
                                 absl::Span<const int64_t> counts, absl::Span<float> data) {
  std::vector<float> parts(data.size(), 0.0f);
  const int64_t begin = std::accumulate(counts.begin(), counts.begin() + rank, int64_t{0});
  std::copy_n(data.begin() + begin, counts[rank], parts.begin() + begin);
  const absl::Status status = AllReduce(rank, {tag, /*gather=*/true}, absl::MakeSpan(parts));
  if (status.ok() && rank == 0) std::copy(parts.begin(), parts.end(), data.begin());
  return status;
}

absl::Status ThreadGroup::Enter(int rank) {
  if (!aborted_.ok()) return aborted_;
  if (rank == failing_rank_ && calls_[rank] == failing_number_) {
    Abort(failure_, rank).IgnoreError();  // the others' Status; this rank returns its own
    return failure_;
  }
  ++calls_[rank];
  return absl::OkStatus();
}

absl::Status ThreadGroup::AllReduce(int rank, const Request& request, absl::Span<float> data) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (absl::Status status = Enter(rank); !status.ok()) return status;
  spans_[rank] = data;
  tags_[rank] = request.tag;
  if (++arrived_ == world_size()) return Complete(request);
  const int64_t round = round_;
  changed_.wait(lock, [&] { return round_ != round || !aborted_.ok(); });
  return round_ != round ? absl::OkStatus() : aborted_;
}

absl::Status ThreadGroup::Wait(int rank, const CollectiveTag& tag, int64_t elements,
                               int64_t number) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (absl::Status status = Enter(rank); !status.ok()) return status;
  if (rank == 0) log_.push_back({tag, elements, false, CollectivePart::kWait, number});
  return absl::OkStatus();
}

absl::Status ThreadGroup::Complete(const Request& request) {
  for (int rank = 1; rank < world_size(); ++rank) {
    const CollectiveTag &a = tags_[0], &b = tags_[rank];
    if (a.traffic != b.traffic || a.phase != b.phase || a.layer != b.layer ||
        a.reduction != b.reduction || spans_[0].size() != spans_[rank].size()) {
      return Abort(absl::InternalError("ranks disagree about the collective"), rank);
    }
  }
  std::vector<float> sum(spans_[0].begin(), spans_[0].end());
  for (int rank = 1; rank < world_size(); ++rank) {
    for (size_t i = 0; i < sum.size(); ++i) {
      const float part = spans_[rank][i];
      sum[i] = tags_[0].reduction == Reduction::kMax ? std::max(sum[i], part) : sum[i] + part;
    }
  }
  for (const absl::Span<float>& span : spans_) std::copy(sum.begin(), sum.end(), span.begin());
  const bool starts = request.part == CollectivePart::kStart;
  log_.push_back({tags_[0], static_cast<int64_t>(sum.size()), request.gather, request.part,
                  starts ? starts_++ : -1});
  arrived_ = 0;
  ++round_;
  changed_.notify_all();
  return absl::OkStatus();
}

absl::Status ThreadGroup::Abort(const absl::Status& cause, int culprit) {
  aborted_ =
      absl::AbortedError(absl::StrCat("rank ", culprit, " failed: ", std::string(cause.message())));
  changed_.notify_all();
  return aborted_;
}

}  // namespace edgetp::test
