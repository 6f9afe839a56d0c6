#include "cli/shared/sample_output.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/format.h"
#include "cli/shared/output.h"
#include "cli/shared/table.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

double LargestMemory(const v1::DecodeRow& row) {
  double bytes = 0;
  for (const v1::MemoryBytes& rank : row.memory_bytes_per_rank())
    bytes = std::max(bytes, rank.total());
  return bytes;
}

}  // namespace

void SampleOutput::Show(const v1::SampleText& piece) {
  if (prompts_.size() != 1) return;
  if (!begun_) Print(prompts_.front());
  begun_ = true;
  Print(piece.text());
  shown_ += piece.text();
}

void SampleOutput::Finish(const v1::SampleReport& report) {
  if (prompts_.size() == 1) {
    // Whoever came late has missed the beginning: then all of it is shown again.
    const bool known = absl::StartsWith(report.text(), shown_);
    if (begun_ && !known) Print("\n");
    if (!begun_ || !known) Print(prompts_.front());
    return Print(report.text().substr(known ? shown_.size() : 0) + "\n");
  }
  for (int i = 0; i < report.continuations_size() && i < static_cast<int>(prompts_.size()); ++i)
    Print(absl::StrCat("[", i + 1, "] ", prompts_[i], report.continuations(i).text(), "\n"));
}

void SampleOutput::Abandon() {
  if (begun_) Print("\n");
}

std::string TimingText(const v1::SampleReport& report, double predicted_seconds) {
  std::string text =
      absl::StrCat("time to first token ", FormatSeconds(report.first_token_seconds()));
  if (report.token_seconds() > 0)
    absl::StrAppend(&text, ", ", FormatSeconds(report.token_seconds()), " per token");
  if (predicted_seconds > 0)
    absl::StrAppend(&text, " (predicted: ", FormatSeconds(predicted_seconds), ")");
  absl::StrAppend(&text, ", ", FormatNumber(report.tokens_per_second()), " tokens/s");
  if (report.workers() > 1) {
    absl::StrAppendFormat(&text, ", %.0f %% of it communication under %s",
                          100 * report.communication_share(), report.network());
  }
  return text;
}

std::string DecodeTable(const v1::DecodeReport& report) {
  Table table({{"model", Align::kLeft},
               {"pattern", Align::kLeft},
               {"workers"},
               {"network", Align::kLeft},
               {"batch"},
               {"first token\nms"},
               {"token\nms"},
               {"tokens/s"},
               {"communi-\ncation"},
               {"sent per\ntoken"},
               {"memory"}});
  for (const v1::DecodeRow& row : report.rows()) {
    table.AddRow({row.model(), row.pattern(), absl::StrCat(row.workers()), row.network(),
                  absl::StrCat(row.batch()), FormatMilliseconds(row.first_token_seconds()),
                  FormatMilliseconds(row.token_seconds()), FormatNumber(row.tokens_per_second()),
                  absl::StrFormat("%.0f %%", 100 * row.communication_share()),
                  FormatBytes(row.bytes_per_token_per_rank()), FormatBytes(LargestMemory(row))});
  }
  std::string text = table.Render();
  for (const v1::DecodeRow& row : report.rows()) {
    if (row.has_verdict())
      absl::StrAppend(&text, "verdict (batch ", row.batch(), "): ", row.verdict().reason(), "\n");
  }
  return text;
}

}  // namespace edgetp
