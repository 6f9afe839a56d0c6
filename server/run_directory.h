// The files that a run leaves: <root>/<name>/ with config.textproto, metrics.jsonl, summary.json,
// checkpoints/ and tensorboard/. Whole files are written to a temporary name and renamed, lines are flushed one
// by one: an interrupted run stays readable. One owner each; the free functions are thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/report.pb.h"
#include "server/tensorboard_log.h"
#include "server/whole_records.h"

namespace edgetp {

// Names are directories and parts of ids (IsRunName).
// Errors: InvalidArgument naming the rule.
absl::Status CheckRunName(const std::string& name);

// "minigpt-sppp-wifi-5-20261122-143000"; "eval-20261122-143000" for what is not training.
std::string DefaultRunName(const v1::JobSpec& spec, absl::Time now);

// Writes to a temporary name beside `path` and renames.
absl::Status WriteFileAtomically(const std::string& path, const std::string& contents);

// One JSON object with the field names of the proto as keys, fields at their default included.
std::string ToJson(const google::protobuf::Message& message, bool pretty);

// What the attempts of a run have come to, by its metrics.jsonl.
struct RunPast {
  int attempts = 0;
  int furthest_step = 0;
  double wall_seconds = 0;  // of the last step
};

class RunDirectory {
 public:
  // Makes the directory and writes config.textproto, or leaves nothing.
  // Errors: AlreadyExists if there is such a directory, InvalidArgument (name), and what the file
  // system says.
  static absl::StatusOr<std::unique_ptr<RunDirectory>> Create(const std::string& root,
                                                              const std::string& name,
                                                              const v1::RunConfig& config,
                                                              absl::Time now);

  // The directory of a run that goes on: its steps are added to those that are there; half a line
  // that a killed server has left goes. The new config.textproto replaces the old one.
  // Errors: NotFound if there is no such run; as Create. Nothing is changed then.
  static absl::StatusOr<std::unique_ptr<RunDirectory>> Reopen(const std::string& root,
                                                              const std::string& name,
                                                              const v1::RunConfig& config,
                                                              absl::Time now, RunPast* past);

  const std::string& path() const { return path_; }
  // A whole line, or none; and the same as an event of TensorBoard.
  absl::Status AppendStep(const v1::StepRecord& record);
  absl::Status WriteSummary(const v1::RunSummary& summary);

 private:
  RunDirectory(std::string path, WholeRecords metrics, TensorboardLog tensorboard);
  // Of a directory whose folders are there: the config, and steps after the first `metrics_bytes`.
  static absl::StatusOr<std::unique_ptr<RunDirectory>> Fill(const std::string& path,
                                                            const v1::RunConfig& config,
                                                            absl::Time now, int64_t metrics_bytes);

  std::string path_;
  WholeRecords metrics_;
  TensorboardLog tensorboard_;
};

}  // namespace edgetp
