#include "common/search/search_report.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config/units.h"
#include "common/plan/pattern.h"
#include "common/search/mixtures.h"
#include "common/search/pareto.h"

namespace edgetp {
namespace {

// Student's t at 97.5 %, by degrees of freedom from 1.
constexpr double kStudent[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
static_assert(std::size(kStudent) == kMaxSearchSeeds - 1);

// The longest rung with a loss of the baseline; -1: there is none.
int ComparedRung(const SearchResult& result) {
  if (result.candidates.empty()) return -1;
  return static_cast<int>(result.candidates.front().losses.size()) - 1;
}

v1::SearchLoss LossOf(const Candidate& candidate, const Candidate& baseline, size_t rung,
                      int amount) {
  v1::SearchLoss out;
  const std::vector<double>& losses = candidate.losses[rung];
  const double reference = baseline.MeanLoss(rung);
  out.set_amount(amount);
  out.set_loss(candidate.MeanLoss(rung));
  out.set_change_share(out.loss() / reference - 1);
  for (const double loss : losses) out.add_seed_losses(loss);
  if (losses.size() < 2) return out;
  // A seed is the same start and the same batches for both: what it does to both cancels out.
  std::vector<double> changes;
  for (size_t seed = 0; seed < losses.size(); ++seed)
    changes.push_back(losses[seed] - baseline.losses[rung][seed]);
  const Interval interval = MeanInterval(changes);
  out.set_change_share_low(interval.low / reference);
  out.set_change_share_high(interval.high / reference);
  return out;
}

// A change whose interval includes 0.
bool WithinNoise(const v1::SearchLoss& loss) {
  return loss.has_change_share_low() && loss.change_share_low() <= 0 &&
         loss.change_share_high() >= 0;
}

void FillFront(const SearchResult& result, size_t rung, std::vector<bool>* on_front) {
  std::vector<Outcome> outcomes;
  std::vector<size_t> places;
  for (size_t i = 0; i < result.candidates.size(); ++i) {
    if (!result.candidates[i].Has(rung)) continue;
    outcomes.push_back({result.candidates[i].step_seconds, result.candidates[i].MeanLoss(rung)});
    places.push_back(i);
  }
  const std::vector<int> layers = ParetoLayers(outcomes);
  for (size_t i = 0; i < layers.size(); ++i) (*on_front)[places[i]] = layers[i] == 0;
}

v1::SearchRow RowOf(const SearchOptions& options, const Candidate& candidate,
                    const Candidate& baseline, double tokens_per_step) {
  v1::SearchRow row;
  row.set_pattern(candidate.pattern);
  const auto pattern = Pattern::Parse(candidate.pattern, options.layers);
  row.set_sync_points_forward(pattern.ok() ? pattern->ForwardSyncPoints() : 0);
  for (size_t rung = 0; rung < std::min(candidate.losses.size(), baseline.losses.size()); ++rung)
    *row.add_losses() = LossOf(candidate, baseline, rung, options.amounts[rung]);
  row.set_step_seconds(candidate.step_seconds);
  if (candidate.step_seconds > 0)
    row.set_tokens_per_second(tokens_per_step / candidate.step_seconds);
  if (baseline.step_seconds > 0)
    row.set_saved_share(1 - candidate.step_seconds / baseline.step_seconds);
  return row;
}

// Candidates 1, 2, ... are those of one changed block, in order.
void AddBlocks(const SearchOptions& options, const SearchResult& result, v1::SearchReport* report) {
  size_t at = 1;
  for (int block = 0; block < options.layers; ++block) {
    for (size_t letter = 1; letter < options.letters.size(); ++letter, ++at) {
      if (at >= result.candidates.size() || !result.candidates[at].Has(0)) return;
      v1::BlockChange* change = report->add_blocks();
      change->set_block(block + 1);
      change->set_letter(options.letters[letter]);
      *change->mutable_loss() =
          LossOf(result.candidates[at], result.candidates.front(), 0, options.amounts[0]);
    }
  }
}

// Compared last come first, the slowest first.
bool RowPrecedes(const v1::SearchRow& a, const v1::SearchRow& b) {
  if (a.losses_size() != b.losses_size()) return a.losses_size() > b.losses_size();
  return a.step_seconds() > b.step_seconds();
}

// The fastest on the front that stays within the limit: whatever stays within it and is not on the
// front is beaten by one that is.
std::string Chosen(const v1::SearchReport& report) {
  const v1::SearchRow* chosen = nullptr;
  for (const v1::SearchRow& row : report.rows()) {
    if (!row.on_front() || !row.within_budget()) continue;
    if (chosen == nullptr || row.step_seconds() < chosen->step_seconds()) chosen = &row;
  }
  return chosen == nullptr ? "" : chosen->pattern();
}

void AddRows(const SearchOptions& options, const SearchResult& result, const LossBudget& budget,
             double tokens_per_step, v1::SearchReport* report) {
  const Candidate& baseline = result.candidates.front();
  const size_t rung = ComparedRung(result);
  std::vector<bool> on_front(result.candidates.size());
  FillFront(result, rung, &on_front);
  report->set_compared_amount(options.amounts[rung]);
  report->set_loss_limit(budget.LimitFor(baseline.MeanLoss(rung)));
  std::vector<v1::SearchRow> rows;
  for (size_t i = 0; i < result.candidates.size(); ++i) {
    const Candidate& candidate = result.candidates[i];
    if (!candidate.Has(0)) continue;
    v1::SearchRow& row = rows.emplace_back(RowOf(options, candidate, baseline, tokens_per_step));
    row.set_on_front(on_front[i]);
    row.set_within_budget(candidate.Has(rung) && candidate.MeanLoss(rung) <= report->loss_limit());
    row.set_within_noise(i > 0 && WithinNoise(*row.losses().rbegin()));
  }
  std::stable_sort(rows.begin(), rows.end(), RowPrecedes);
  for (v1::SearchRow& row : rows) *report->add_rows() = std::move(row);
  report->set_candidates(report->rows_size());
}

}  // namespace

absl::StatusOr<LossBudget> ParseLossBudget(const std::string& text) {
  LossBudget budget;
  budget.text = text;
  if (absl::EndsWith(text, "%")) {
    const auto share = ParsePercent(text);
    if (share.ok()) budget.share = *share;
    if (share.ok()) return budget;
  } else if (absl::SimpleAtod(text, &budget.nats) && std::isfinite(budget.nats) &&
             budget.nats >= 0) {
    return budget;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("invalid value \"", text,
                   "\": must be a percentage of the baseline's loss from 0% to 100%, or a "
                   "difference in loss of at least 0, e.g. 1% or 0.02"));
}

Interval MeanInterval(const std::vector<double>& values) {
  const double count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / (count - 1) / count);
  const double half = kStudent[values.size() - 2] * error;
  return {mean - half, mean + half};
}

v1::SearchReport BuildSearchReport(const SearchOptions& options, const SearchResult& result,
                                   const LossBudget& budget, double tokens_per_step) {
  v1::SearchReport report;
  report.set_baseline(AllOf(options.letters.front(), options.layers));
  for (const int amount : options.amounts) report.add_amounts(amount);
  report.set_seeds(options.seeds);
  report.set_mixtures(CountMixtures(options.layers, static_cast<int>(options.letters.size())));
  report.set_budget(budget.text);
  report.set_error(std::string(result.status.message()));
  if (ComparedRung(result) < 0) return report;
  AddBlocks(options, result, &report);
  AddRows(options, result, budget, tokens_per_step, &report);
  if (result.status.ok()) report.set_chosen(Chosen(report));
  return report;
}

}  // namespace edgetp
