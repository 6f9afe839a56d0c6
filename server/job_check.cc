#include "server/job_check.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

constexpr char kPlace[] = "job";

absl::Status CheckBench(const v1::JobSpec& spec) {
  const v1::RunConfig& config = spec.config();
  if (config.workers() < 1)
    return absl::InvalidArgumentError("job: config.workers: must be at least 1");
  if (spec.bench().bytes().empty())
    return absl::InvalidArgumentError("job: bench.bytes: must name a size");
  for (const int64_t bytes : spec.bench().bytes()) {
    if (bytes < 1)
      return absl::InvalidArgumentError(
          absl::StrCat("job: bench.bytes: must be positive (got ", bytes, ")"));
  }
  return ValidateNetwork(config.network(), config.workers(), kPlace);
}

absl::Status CheckTask(const v1::JobSpec& spec) {
  switch (spec.task_case()) {
    case v1::JobSpec::kTrain:
    case v1::JobSpec::kEval:
      if (spec.corpus_blob().empty())
        return absl::InvalidArgumentError("job: corpus_blob: this task needs a corpus");
      break;
    case v1::JobSpec::kSample:
      if (spec.sample().prompt().empty())
        return absl::InvalidArgumentError("job: sample.prompt: must hold a token");
      break;
    case v1::JobSpec::kBench:
      return CheckBench(spec);
    default:
      return absl::InvalidArgumentError("job: task: must be train, eval, sample or bench");
  }
  return ValidateRun(spec.config(), kPlace);
}

absl::Status CheckBlob(const char* field, const std::string& id, BlobStore* blobs) {
  if (id.empty()) return absl::OkStatus();
  const absl::Status found = blobs->Find(id).status();
  if (found.ok()) return found;
  // An unknown blob is bad input of whoever submits.
  return absl::InvalidArgumentError(
      absl::StrCat("job: ", field, ": ", std::string(found.message())));
}

}  // namespace

absl::StatusOr<v1::JobSpec> CheckJob(const v1::JobSpec& spec,
                                     const v1::NetworkProfile& cluster_network, BlobStore* blobs) {
  v1::JobSpec filled = spec;
  if (!spec.config().has_network()) *filled.mutable_config()->mutable_network() = cluster_network;
  FillDefaults(filled.mutable_config());
  RETURN_IF_ERROR(CheckTask(filled));
  RETURN_IF_ERROR(CheckBlob("corpus_blob", filled.corpus_blob(), blobs));
  RETURN_IF_ERROR(CheckBlob("weights_blob", filled.weights_blob(), blobs));
  return filled;
}

}  // namespace edgetp
