#include "tests/model/thread_group.h"

#include <ATen/Parallel.h>

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
    return group_->AllReduce(rank_, tag, data);
  }

 private:
  ThreadGroup* const group_;
  const int rank_;
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

absl::Status ThreadGroup::AllReduce(int rank, const CollectiveTag& tag, absl::Span<float> data) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!aborted_.ok()) return aborted_;
  if (rank == failing_rank_ && calls_[rank] == failing_number_) {
    Abort(failure_, rank).IgnoreError();  // the others' Status; this rank returns its own
    return failure_;
  }
  ++calls_[rank];
  spans_[rank] = data;
  tags_[rank] = tag;
  if (++arrived_ == world_size()) return Complete();
  const int64_t round = round_;
  changed_.wait(lock, [&] { return round_ != round || !aborted_.ok(); });
  return round_ != round ? absl::OkStatus() : aborted_;
}

absl::Status ThreadGroup::Complete() {
  for (int rank = 1; rank < world_size(); ++rank) {
    const CollectiveTag &a = tags_[0], &b = tags_[rank];
    if (a.traffic != b.traffic || a.phase != b.phase || a.layer != b.layer ||
        spans_[0].size() != spans_[rank].size()) {
      return Abort(absl::InternalError("ranks disagree about the collective"), rank);
    }
  }
  std::vector<float> sum(spans_[0].begin(), spans_[0].end());
  for (int rank = 1; rank < world_size(); ++rank) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += spans_[rank][i];
  }
  for (const absl::Span<float>& span : spans_) std::copy(sum.begin(), sum.end(), span.begin());
  log_.push_back({tags_[0], static_cast<int64_t>(sum.size())});
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
