#include "server/tensorboard_log.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/tensorboard/event_record.h"
#include "common/tensorboard/step_events.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

// What TensorBoard knows an event file by.
constexpr char kPrefix[] = "events.out.tfevents.";

// The times in the names of the event files of a folder, rising.
std::vector<int64_t> FileSeconds(const std::string& folder) {
  std::vector<int64_t> times;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    int64_t seconds = 0;
    if (!absl::StartsWith(name, kPrefix)) continue;
    const std::vector<std::string> parts = absl::StrSplit(name.substr(sizeof(kPrefix) - 1), '.');
    if (absl::SimpleAtoi(parts[0], &seconds)) times.push_back(seconds);
  }
  std::sort(times.begin(), times.end());
  return times;
}

}  // namespace

TensorboardLog::TensorboardLog(WholeRecords file, std::string config, int64_t begin_seconds)
    : file_(std::move(file)), config_(std::move(config)), begin_seconds_(begin_seconds) {}

absl::StatusOr<TensorboardLog> TensorboardLog::Open(const std::string& folder,
                                                    const std::string& config, absl::Time now) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("make ", folder));
  const std::vector<int64_t> before = FileSeconds(folder);
  const int64_t seconds =
      std::max(absl::ToUnixSeconds(now), before.empty() ? 0 : before.back() + 1);
  // Ten digits, so that names sort as numbers do.
  const std::string path = absl::StrFormat("%s/%s%010d.edgetp", folder, kPrefix, seconds);
  ASSIGN_OR_RETURN(WholeRecords file, WholeRecords::Open(path, 0));
  TensorboardLog log(std::move(file), config, before.empty() ? seconds : before.front());
  RETURN_IF_ERROR(log.Append(FileStart()));
  return log;
}

absl::Status TensorboardLog::Append(tensorboard::Event event) {
  event.set_wall_time(static_cast<double>(begin_seconds_) + clock_seconds_);
  return file_.Append(EventRecord(event));
}

absl::Status TensorboardLog::Step(const v1::StepRecord& record) {
  step_ = record.step();
  clock_seconds_ = record.wall_seconds();
  if (std::exchange(attempt_, record.attempt()) != record.attempt()) {
    RETURN_IF_ERROR(Append(AttemptStart(step_)));
    RETURN_IF_ERROR(Append(TextEvent(step_, "config", MarkdownCode(config_))));
    network_.clear();
  }
  if (std::exchange(network_, record.network()) != record.network())
    RETURN_IF_ERROR(Append(TextEvent(step_, "network", MarkdownCode(network_))));
  return Append(StepEvent(record, &described_));
}

absl::Status TensorboardLog::Summary(const v1::RunSummary& summary) {
  return Append(TextEvent(step_, "summary", SummaryMarkdown(summary)));
}

}  // namespace edgetp
