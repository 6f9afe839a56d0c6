#include "server/page/live_report.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/rpc/run_state.h"

namespace edgetp {
namespace {

// More lines than this are no picture; `edgetp report` has no such bound.
constexpr size_t kMaxRuns = 40;
// A fourth of a report's: the page is sent again and again.
constexpr size_t kMaxPoints = 10'000;
constexpr absl::Duration kInterval = absl::Seconds(1);
// For the timeline of one run's step, and for all that are missing: somebody waits.
constexpr absl::Duration kPictureBudget = absl::Milliseconds(500);
constexpr absl::Duration kBuildBudget = absl::Seconds(2);
constexpr size_t kMaxPictures = 200;

// Where compute times are measured, they change with every step; the picture need not.
std::optional<double> TwoDigits(const std::optional<double>& seconds) {
  if (!seconds.has_value()) return seconds;
  return std::strtod(absl::StrFormat("%.1e", *seconds).c_str(), nullptr);
}

bool HasBegun(const v1::StatusResponse::Run& run) { return run.state() != "queued"; }

}  // namespace

std::vector<RunRecord> LiveReport::ReadRuns(const v1::StatusResponse& status, bool* changed) {
  std::vector<v1::StatusResponse::Run> shown;
  std::copy_if(status.runs().begin(), status.runs().end(), std::back_inserter(shown), &HasBegun);
  if (shown.size() > kMaxRuns) shown.erase(shown.begin(), shown.end() - kMaxRuns);
  std::map<std::string, std::string> states;
  std::vector<RunRecord> runs;
  for (const v1::StatusResponse::Run& state : shown) {
    states[state.run()] = state.state();
    const auto [reader, is_new] =
        readers_.try_emplace(state.run(), absl::StrCat(runs_, "/", state.run()));
    // What is no training has no directory; what cannot be read now may be readable next time.
    const bool ended = HasEnded(state.state());
    const auto grown = reader->second.Refresh(ended ? RunReader::LastLine::kIsBroken
                                                    : RunReader::LastLine::kComes);
    if (!grown.ok()) continue;
    *changed |= *grown || is_new;
    RunRecord run = reader->second.run();
    if (run.steps.empty()) continue;
    // What the server knows, instead of "unfinished".
    if (!reader->second.finished() && !ended) run.summary["status"] = state.state();
    runs.push_back(std::move(run));
  }
  std::erase_if(readers_,
                [&states](const auto& reader) { return states.count(reader.first) == 0; });
  *changed |= states != states_;
  states_ = std::move(states);
  return runs;
}

absl::StatusOr<StepPicture> LiveReport::Picture(const v1::RunConfig& config,
                                                const PictureOptions& options) {
  v1::RunConfig same = config;
  same.clear_name();
  PictureOptions rounded = options;
  rounded.compute_seconds = TwoDigits(options.compute_seconds);
  const std::string key = absl::StrCat(same.SerializeAsString(), " ", options.max_spans, " ",
                                       rounded.compute_seconds.value_or(0));
  if (const auto known = pictures_.find(key); known != pictures_.end()) return known->second;
  const absl::Time begin = MonotonicNow();
  rounded.stop = [begin, stop = options.stop] {
    return MonotonicNow() - begin > kPictureBudget || stop();
  };
  auto picture = PictureOf(config, rounded);
  const bool had_its_time = MonotonicNow() - begin > kPictureBudget;
  if (absl::IsCancelled(picture.status()) && !had_its_time) return picture;  // another time
  if (pictures_.size() >= kMaxPictures) pictures_.clear();
  pictures_.emplace(key, picture);
  return picture;
}

LiveReport::Text LiveReport::Of(const v1::StatusResponse& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time begin = MonotonicNow();
  if (text_.json != nullptr && begin - made_ < kInterval) return text_;
  const v1::StatusResponse::Run* const active = ActiveRunOf(status);
  bool changed = text_.json == nullptr;
  const std::vector<RunRecord> runs = ReadRuns(status, &changed);
  made_ = begin;
  if (!changed) return text_;
  DocumentOptions options;
  options.max_points = kMaxPoints;
  options.picture = [this](const auto& config, const auto& wanted) {
    return Picture(config, wanted);
  };
  options.stop = [begin] { return [begin] { return MonotonicNow() - begin > kBuildBudget; }; };
  nlohmann::json document = ReportDocument(runs, options);
  if (active != nullptr) current_ = active->run();
  document["current"] = current_;
  document["live"] = true;
  text_.json = std::make_shared<const std::string>(ToText(document));
  text_.tag = absl::StrCat(++version_);
  made_ = MonotonicNow();
  return text_;
}

}  // namespace edgetp
