// The event files that TensorBoard reads: <run>/tensorboard/events.out.tfevents.<seconds>.edgetp.
// One file for each time that a server opened the run: they sort by time, and TensorBoard reads them in
// that order. Each attempt begins with a mark at which TensorBoard forgets the steps that the
// attempt does again. Times are the run's own clock, emulated or simulated, from its beginning. One
// owner.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/report.pb.h"
#include "edgetp/v1/tensorboard.pb.h"
#include "server/whole_records.h"

namespace edgetp {

class TensorboardLog {
 public:
  // A new file in `folder`, which is made where there is none. `config`: the run's, as text.
  // Errors: those of the system, naming the path.
  static absl::StatusOr<TensorboardLog> Open(const std::string& folder, const std::string& config,
                                             absl::Time now);

  // Errors: those of WholeRecords::Append.
  absl::Status Step(const v1::StepRecord& record);
  absl::Status Summary(const v1::RunSummary& summary);

 private:
  TensorboardLog(WholeRecords file, std::string config, int64_t begin_seconds);
  absl::Status Append(tensorboard::Event event);

  WholeRecords file_;
  std::string config_;
  int64_t begin_seconds_;     // Unix time at which the run's clock began
  double clock_seconds_ = 0;  // of the last step
  int step_ = 0;
  int attempt_ = 0;  // 0: none yet
  std::string network_;
  std::set<std::string> described_;
};

}  // namespace edgetp
