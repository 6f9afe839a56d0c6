// The document of a report (docs/formats.md) of runs that are still growing. Everybody who looks
// gets the same text, which is made at most once a second; what has not changed is not read again.
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/report/report_document.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

class LiveReport {
 public:
  struct Text {
    std::shared_ptr<const std::string> json;
    std::string tag;  // another one once the text is another
  };

  // `runs`: the directory of all runs.
  explicit LiveReport(std::string runs) : runs_(std::move(runs)) {}

  // Of the newest runs that have trained, with two keys more than a report has: "current", the run
  // to look at first, and "live": true. A run that has not ended has the state of `status`.
  // Blocks until: it is made; some seconds, where steps have to be simulated for their pictures.
  Text Of(const v1::StatusResponse& status);

 private:
  std::vector<RunRecord> ReadRuns(const v1::StatusResponse& status, bool* changed);
  absl::StatusOr<StepPicture> Picture(const v1::RunConfig& config, const PictureOptions& options);

  const std::string runs_;
  std::mutex mutex_;
  std::map<std::string, RunReader> readers_;
  std::map<std::string, std::string> states_;                    // as they were shown
  std::map<std::string, absl::StatusOr<StepPicture>> pictures_;  // by config and compute time
  std::string current_;
  absl::Time made_ = absl::InfinitePast();
  uint64_t version_ = 0;
  Text text_;
};

}  // namespace edgetp
