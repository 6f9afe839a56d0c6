#include "cli/shared/advise_tables.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

// A candidate under the name that the table gives it: its place, or what it is the best of.
using Named = std::pair<std::string, v1::AdvisedCandidate>;

bool Same(const v1::AdvisedCandidate& left, const v1::AdvisedCandidate& right) {
  return left.simulate_command() == right.simulate_command() && left.strategy() == right.strategy();
}

// The best, and those that are best of something and not among them: without a change in the loss,
// alone, of a strategy.
std::vector<Named> Rows(const v1::AdviseReport& report) {
  std::vector<Named> rows;
  for (const v1::AdvisedCandidate& candidate : report.best())
    rows.emplace_back(absl::StrCat(rows.size() + 1), candidate);
  const auto add = [&rows](const std::string& name, const v1::AdvisedCandidate& candidate) {
    const bool known = std::any_of(rows.begin(), rows.end(),
                                   [&](const Named& row) { return Same(row.second, candidate); });
    if (!known) rows.emplace_back(name, candidate);
  };
  if (report.has_best_exact()) add("exact", report.best_exact());
  if (report.has_best_one()) add("alone", report.best_one());
  for (const v1::AdvisedCandidate& candidate : report.best_of_strategy())
    add(absl::StrCat(rows.size() + 1), candidate);
  return rows;
}

std::string HowText(const v1::AdvisedCandidate& candidate) {
  std::vector<std::string> words = {candidate.strategy()};
  if (candidate.workers() > 1) {
    if (absl::StrContains(candidate.strategy(), "tensor")) words.push_back(candidate.pattern());
    words.push_back(candidate.wire());
    if (!candidate.schedule().empty()) words.push_back(candidate.schedule());
    if (candidate.overlap() != "NONE") words.push_back(absl::AsciiStrToLower(candidate.overlap()));
    if (candidate.vocabulary_parallel()) words.push_back("vocabulary");
  }
  if (candidate.recompute()) words.push_back("recompute");
  return absl::StrJoin(words, " ");
}

// Of the fullest device: what does not fit is no candidate, so its bytes say enough.
std::string MemoryText(const v1::AdvisedCandidate& candidate) {
  double bytes = 0;
  for (const v1::MemoryBytes& rank : candidate.predicted().memory_bytes_per_rank())
    bytes = std::max(bytes, rank.total());
  return FormatBytes(bytes);
}

// "jetson-orin-nano+intel-n100*2": one of a kind needs no number.
std::string DevicesText(const v1::AdvisedCandidate& candidate) {
  std::vector<std::string> kinds = absl::StrSplit(candidate.devices(), '+');
  for (std::string& kind : kinds) kind = std::string(absl::StripSuffix(kind, "*1"));
  return absl::StrJoin(kinds, "+");
}

std::string LossCell(const v1::AdvisedLoss& loss) {
  if (loss.effect() == "exact") return "exact";
  if (loss.effect() == "not_known") return "unknown";
  return absl::StrFormat("%.3f (%.3f)", loss.val_loss(), loss.baseline_val_loss());
}

std::string Candidates(const std::vector<Named>& rows) {
  Table table({{""},
               {"how", Align::kLeft},
               {"devices", Align::kLeft},
               {"step"},
               {"tokens\nper s"},
               {"J per\ntoken"},
               {"memory"},
               {"limited by", Align::kLeft},
               {"loss", Align::kLeft}});
  for (const auto& [name, candidate] : rows) {
    const v1::SimulateReport& predicted = candidate.predicted();
    table.AddRow(
        {name, HowText(candidate), DevicesText(candidate), FormatSeconds(predicted.step_seconds()),
         FormatNumber(predicted.tokens_per_second()),
         predicted.has_energy() ? FormatNumber(predicted.energy().joules_per_token()) : "-",
         MemoryText(candidate),
         absl::StrFormat("%s %.0f %%", candidate.limit(), 100 * candidate.limit_share()),
         LossCell(candidate.loss())});
  }
  return table.Render();
}

// A line of the shell stays one line, whatever its length: it is there to be copied.
std::string Commands(const std::vector<Named>& rows) {
  std::string text = "\nThe same predictions, by `edgetp simulate`:\n\n";
  for (const auto& [name, candidate] : rows)
    absl::StrAppend(&text, name, "  ", candidate.simulate_command(), "\n");
  const v1::AdvisedCandidate& best = rows.front().second;
  if (best.train_command().empty()) return text;
  absl::StrAppend(
      &text, "\nThe first, trained without waiting and charged these step times, and with ",
      "real waiting:\n\n", best.simulated_clock_command(), "\n", best.train_command(), "\n");
  return text;
}

std::string Losses(const std::vector<Named>& rows) {
  std::set<std::string> sources;
  bool unknown = false;
  for (const auto& [name, candidate] : rows) {
    const v1::AdvisedLoss& loss = candidate.loss();
    unknown = unknown || loss.effect() == "not_known";
    if (loss.effect() != "measured") continue;
    sources.insert(absl::StrCat("loss: validation, in brackets that of ", loss.baseline(), "; ",
                                loss.source(), ". Another model's may differ."));
  }
  std::string text;
  for (const std::string& source : sources) absl::StrAppend(&text, Paragraph(source));
  if (unknown) {
    absl::StrAppend(&text,
                    Paragraph("loss unknown: the pattern or the format changes the model, and "
                              "nobody has trained it; --exact leaves such candidates out."));
  }
  return text.empty() ? "" : "\n" + text;
}

std::string Remarks(const v1::AdviseReport& report) {
  std::string text;
  for (const std::string& note : report.notes())
    absl::StrAppend(&text, Paragraph(absl::StrCat("note: ", note)));
  for (const std::string& missing : report.left_out())
    absl::StrAppend(&text, Paragraph(absl::StrCat("left out: ", missing)));
  absl::StrAppend(
      &text, Paragraph(absl::StrFormat(
                 "searched: %.0f candidates, %.0f tokens per step each; %.0f simulated, %.0f ruled "
                 "out by a bound, %.0f of those looked at too large",
                 report.candidates(), report.tokens_per_step(), report.candidates_simulated(),
                 report.candidates_bounded(), report.candidates_too_large())));
  return "\n" + text;
}

}  // namespace

std::string AdviseTable(const v1::AdviseReport& report) {
  std::string text = absl::StrCat(
      Paragraph(absl::StrCat(report.model(), " on ", report.devices(), " over ", report.network(),
                             ", by ", report.goal(), ": ", report.verdict(), ".")));
  const std::vector<Named> rows = Rows(report);
  if (rows.empty()) return absl::StrCat(text, Remarks(report));
  if (static_cast<int>(rows.size()) > report.best_size()) {
    absl::StrAppend(&text, Paragraph(absl::StrCat(
                               "Below the best ", report.best_size(),
                               ": what is best without a change in the loss, alone, and of each "
                               "other strategy.")));
  }
  return absl::StrCat(text, "\n", Candidates(rows), Losses(rows), Commands(rows), Remarks(report));
}

}  // namespace edgetp
