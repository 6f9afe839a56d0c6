#include "worker/job/evaluation.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/run_plans.h"
#include "common/data/batches.h"

namespace edgetp {
namespace {

constexpr double kFinalShare = 0.1;  // of the run's training
constexpr double kForwardShare =
    1 / 3.0;  // of a training step; the backward pass has two products for each one

void ReportProgress(const EvaluationParts& parts, size_t done, size_t total) {
  if (!parts.progress) return;
  v1::JobProgress progress;
  progress.set_activity("evaluating");
  progress.set_done(static_cast<double>(done));
  progress.set_total(static_cast<double>(total));
  progress.set_unit("windows");
  parts.progress(std::move(progress));
}

// Over these windows.
absl::StatusOr<double> SumLosses(const EvaluationParts& parts, absl::Span<const int64_t> windows) {
  const int sequence = parts.config->model().sequence();
  ASSIGN_OR_RETURN(PlanOptions options, ToInferenceOptions(*parts.config));
  const size_t full_batch = options.batch;
  std::optional<std::vector<CollectiveStep>> expected;  // of a batch of options.batch windows
  double sum = 0;
  for (size_t first = 0; first < windows.size(); first += full_batch) {
    RETURN_IF_ERROR(parts.control->aborted());
    ReportProgress(parts, first, windows.size());
    const absl::Span<const int64_t> batch =
        windows.subspan(first, full_batch);  // the last may be smaller
    const int size = static_cast<int>(batch.size());
    if (!expected.has_value() || size != options.batch) {
      options.batch = size;
      ASSIGN_OR_RETURN(const StepPlan plan, BuildEvaluationPlan(options));
      expected = CollectiveEntries(ListOf(plan, parts.group->rank()));
    }
    ASSIGN_OR_RETURN(const TokenBatch tokens, EvaluationBatch(*parts.corpus, batch, sequence));
    if (first + full_batch < windows.size()) {
      PrefetchEvaluation(*parts.corpus, windows.subspan(first + full_batch, full_batch), sequence);
    }
    parts.group->BeginStep(-1, *expected);
    ASSIGN_OR_RETURN(const double loss, parts.trainer->Evaluate(tokens));
    RETURN_IF_ERROR(parts.group->EndStep());
    parts.group->TakeStats();  // an evaluation is no part of a step
    sum += loss * size;
  }
  ReportProgress(parts, windows.size(), windows.size());
  return sum;
}

// Those that a rank with a replica reads; together all, each once.
absl::Span<const int64_t> PartOf(absl::Span<const int64_t> windows, const CollectiveGroup& group) {
  const auto total = static_cast<int64_t>(windows.size());
  const int64_t begin = total * group.rank() / group.world_size();
  const int64_t end = total * (group.rank() + 1) / group.world_size();
  return windows.subspan(begin, end - begin);
}

// The same bits on every rank, and as exact as a double: each fills its place in a table.
absl::StatusOr<double> SumOverRanks(double value, CollectiveGroup& group) {
  if (group.world_size() == 1) return value;
  std::vector<float> table(2 * static_cast<size_t>(group.world_size()));
  float* const own = &table[2 * static_cast<size_t>(group.rank())];
  own[0] = static_cast<float>(value);
  own[1] = static_cast<float>(value - own[0]);
  RETURN_IF_ERROR(
      group.AllReduce({TrafficClass::kControl, Phase::kEvaluate, -1}, absl::MakeSpan(table)));
  double sum = 0;
  for (const float part : table) sum += part;
  return sum;
}

}  // namespace

int64_t FinalWindows(const v1::TrainConfig& train, int64_t total, int replicas) {
  const double trained =
      static_cast<double>(train.steps()) * train.batch() * train.micro_batches() * replicas;
  const bool cheap = kForwardShare * static_cast<double>(total) <= kFinalShare * trained;
  return cheap ? total : std::min<int64_t>(total, train.eval_windows());
}

absl::StatusOr<v1::EvalReport> Evaluate(const EvaluationParts& parts,
                                        absl::Span<const int64_t> windows) {
  if (windows.empty())
    return absl::InvalidArgumentError("evaluate: the validation split has no whole window");
  const int sequence = parts.config->model().sequence();
  ASSIGN_OR_RETURN(const ReplicaOptions replicas, ToReplicaOptions(*parts.config));
  double sum = 0;
  if (replicas.replicated()) {
    ASSIGN_OR_RETURN(sum, SumLosses(parts, PartOf(windows, *parts.group)));
    ASSIGN_OR_RETURN(sum, SumOverRanks(sum, *parts.group));
  } else {
    ASSIGN_OR_RETURN(sum, SumLosses(parts, windows));
  }
  v1::EvalReport report;
  report.set_loss(sum / static_cast<double>(windows.size()));
  report.set_tokens(static_cast<double>(windows.size()) * sequence);
  report.set_windows(static_cast<int32_t>(windows.size()));
  report.set_windows_total(static_cast<int32_t>(CountEvaluationWindows(*parts.corpus, sequence)));
  return report;
}

}  // namespace edgetp
