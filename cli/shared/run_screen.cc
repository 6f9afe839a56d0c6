#include "cli/shared/run_screen.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/shared/drawings.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "common/config/units.h"
#include "common/network/attribution.h"
#include "common/network/link_rows.h"
#include "common/network/network_profile.h"
#include "common/network/scenario.h"
#include "common/rpc/run_state.h"

namespace edgetp {
namespace {

constexpr size_t kRecentSteps = 20;  // whose parts are shown: as many as hide a single slow one
constexpr int kSparkRows = 3;
constexpr size_t kMaxLinks = 12;
constexpr int kLabelColumns = 15;  // the longest term, and a blank
constexpr double kSmallestShare = 0.001;

// Of terminals: https://en.wikipedia.org/wiki/ANSI_escape_code#SGR
constexpr char kBold[] = "1";
constexpr char kDim[] = "2";
constexpr char kGreen[] = "32";
constexpr char kRed[] = "31";
constexpr char kBlue[] = "34";

std::string Paint(const ScreenStyle& style, const char* code, const std::string& text) {
  return style.color && !text.empty() ? absl::StrCat("\033[", code, "m", text, "\033[0m") : text;
}

// Names are ASCII.
std::string Cut(const std::string& text, int columns) {
  return text.substr(0, static_cast<size_t>(std::max(columns, 0)));
}

const char* ColorOf(const std::string& state) {
  if (state == "failed" || state == "stopped") return kRed;
  return state == "running" || state == "done" ? kGreen : kDim;
}

std::string RateOf(const LinkRow& row) {
  if (row.rate_bits_per_second <= 0) return "no limit";
  return FormatRate(row.rate_bits_per_second) + (row.trace ? " (trace)" : "");
}

std::string DelayOf(absl::Duration delay) {
  return delay > absl::ZeroDuration() ? FormatSeconds(absl::ToDoubleSeconds(delay)) : "0";
}

}  // namespace

void RunScreen::Add(const v1::RunEvent& event) {
  if (event.has_phase()) {
    if (event.phase().name() != v1::Phase::NAME_UNSPECIFIED)
      run_.set_state(RunStateOf(event.phase().name()));
    note_ = event.phase().detail();
  } else if (event.has_network()) {
    network_ = event.network();
    run_.set_network(event.network().name());
  } else if (event.has_progress()) {
    note_ = event.progress().activity();
  } else if (event.has_failure()) {
    note_ = event.failure().message();
  } else if (event.has_step()) {
    const v1::StepRecord& step = event.step();
    last_ = step;
    run_.set_step(step.step());
    note_.clear();
    if (step.has_train_loss()) losses_.push_back(step.train_loss());
    if (step.has_val_loss()) val_loss_ = step.val_loss();
    recent_.push_back(step);
    if (recent_.size() > kRecentSteps) recent_.pop_front();
  }
}

std::vector<std::string> RunScreen::Render(const ScreenStyle& style,
                                           std::optional<double> seconds_left) const {
  std::vector<std::string> lines;
  AddHead(style, seconds_left, &lines);
  AddLoss(style, &lines);
  AddParts(style, &lines);
  AddLinks(style, &lines);
  if (!note_.empty()) lines.insert(lines.end(), {"", Cut(note_, style.width)});
  return lines;
}

void RunScreen::AddHead(const ScreenStyle& style, std::optional<double> seconds_left,
                        std::vector<std::string>* lines) const {
  const std::string name = Cut(run_.run(), style.width - 1 - static_cast<int>(run_.state().size()));
  const int gap = style.width - static_cast<int>(name.size() + run_.state().size());
  lines->push_back(absl::StrCat(Paint(style, kBold, name), std::string(std::max(gap, 1), ' '),
                                Paint(style, ColorOf(run_.state()), run_.state())));
  lines->push_back(
      Paint(style, kDim,
            Cut(absl::StrCat(run_.pattern(), ", ", run_.workers(), " workers, ", run_.network()),
                style.width)));
  const double share = run_.steps() > 0 ? static_cast<double>(run_.step()) / run_.steps() : 0;
  const std::string before = absl::StrCat("step ", run_.step(), " of ", run_.steps(), "  ");
  std::string after = absl::StrFormat("%4.0f %%", 100 * share);
  if (seconds_left.has_value() && run_.state() == "running")
    absl::StrAppend(&after, "  ETA ", FormatSeconds(*seconds_left));
  const int bar = style.width - static_cast<int>(before.size() + after.size()) - 2;
  lines->push_back(bar < 4 ? Cut(before + after, style.width)
                           : absl::StrCat(before, "[",
                                          Paint(style, kBlue, Bar(share, bar, style.unicode)), "]",
                                          after));
  if (!last_.has_value()) return;
  std::string facts;
  if (last_->has_train_loss())
    absl::StrAppend(&facts, "loss ", FormatLoss(last_->train_loss()), "  ");
  if (val_loss_.has_value()) absl::StrAppend(&facts, "val ", FormatLoss(*val_loss_), "  ");
  absl::StrAppend(&facts, FormatSeconds(last_->step_seconds()), "/step",
                  last_->has_host_seconds() ? " (simulated)" : "");
  if (last_->tokens_per_second() > 0)
    absl::StrAppend(&facts, "  ", FormatCount(last_->tokens_per_second()), " tokens/s");
  lines->push_back(Cut(facts, style.width));
}

void RunScreen::AddLoss(const ScreenStyle& style, std::vector<std::string>* lines) const {
  if (losses_.size() < 2) return;
  const auto [low, high] = std::minmax_element(losses_.begin(), losses_.end());
  const std::string top = FormatLoss(*high), bottom = FormatLoss(*low);
  const int label = static_cast<int>(std::max(top.size(), bottom.size())) + 1;
  const std::vector<std::string> rows =
      Sparkline(losses_, style.width - label, kSparkRows, style.unicode);
  lines->push_back("");
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string text = i == 0 ? top : i + 1 == rows.size() ? bottom : "";
    lines->push_back(absl::StrCat(Paint(style, kDim, absl::StrFormat("%-*s", label, text)),
                                  Paint(style, kGreen, rows[i])));
  }
}

void RunScreen::AddParts(const ScreenStyle& style, std::vector<std::string>* lines) const {
  double total = 0;
  for (const v1::StepRecord& step : recent_) total += step.step_seconds();
  if (total <= 0) return;
  const std::string title =
      absl::StrCat("where a step's time goes, mean of ", recent_.size(), " steps");
  lines->insert(lines->end(), {"", Paint(style, kDim, Cut(title, style.width))});
  for (const BreakdownTerm& term : kBreakdownTerms) {
    double seconds = 0;
    for (const v1::StepRecord& step : recent_)
      seconds += (step.breakdown_seconds().*term.seconds)();
    const double share = seconds / total;
    if (share < kSmallestShare) continue;
    const std::string after = absl::StrFormat(
        " %9s %4.0f %%", FormatSeconds(seconds / static_cast<double>(recent_.size())), 100 * share);
    const int bar = style.width - kLabelColumns - static_cast<int>(after.size());
    lines->push_back(absl::StrCat(absl::StrFormat("%-*s", kLabelColumns, term.name),
                                  Paint(style, kBlue, Bar(share, std::max(bar, 1), style.unicode)),
                                  after));
  }
}

void RunScreen::AddLinks(const ScreenStyle& style, std::vector<std::string>* lines) const {
  if (!network_.has_value()) return;
  const auto network = ResolveNetwork(*network_, run_.workers());
  if (!network.ok()) return;
  const std::vector<LinkRow> rows = LinkRows(*network, run_.workers(), kMaxLinks + 1);
  Table table({{"link", Align::kLeft}, {"delay"}, {"jitter"}, {"rate"}, {"loss"}});
  for (size_t i = 0; i < std::min(rows.size(), kMaxLinks); ++i) {
    const LinkRow& row = rows[i];
    const std::string name =
        row.source < 0 ? "every link" : absl::StrCat(row.source, " -> ", row.destination);
    if (!row.connected) {
      table.AddRow({name, "cut off"});
      continue;
    }
    table.AddRow({name, DelayOf(row.delay), row.quantiles ? "a table" : DelayOf(row.jitter),
                  RateOf(row), absl::StrCat(FormatNumber(100 * row.loss), " %")});
  }
  lines->push_back("");
  for (const auto& line : absl::StrSplit(table.Render(style.width), '\n', absl::SkipEmpty()))
    lines->push_back(Cut(std::string(line), style.width));
  if (rows.size() > kMaxLinks) lines->push_back("and more (edgetp network get)");
  if (network_->events_size() > 0) {
    lines->push_back(Cut(absl::StrCat("next: ", DescribeAction(network_->events(0)), " in ",
                                      FormatSeconds(network_->events(0).at_seconds())),
                         style.width));
  }
}

}  // namespace edgetp
