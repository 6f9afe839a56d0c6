#include "server/job_check.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/config/defaults.h"
#include "common/config/validate.h"
#include "common/config/violations.h"
#include "common/rpc/server_limits.h"
#include "common/simulate/deadline.h"
#include "server/served_corpus.h"

namespace edgetp {
namespace {

constexpr char kPlace[] = "job";

// What fits into a message of gRPC, of which the members of a run take a little.
constexpr size_t kMaxConfigBytes = kMaxMessageBytes - (256 << 10);
// A worker has as many in memory, twice.
constexpr int64_t kMaxBenchBytes = int64_t{1} << 32;
constexpr int kMaxBenchRows = 1000;
constexpr int kMaxBenchIterations = 1'000'000;
constexpr int kMaxSampleTokens = 1'000'000;
constexpr int kMaxPrompts = 4096;
// Each is looked for after every token.
constexpr int kMaxStops = 64;
constexpr int kMaxStopBytes = 1024;

absl::Status CheckBench(const v1::JobSpec& spec) {
  const v1::BenchTask& bench = spec.bench();
  Violations violations(kPlace, "bench.");
  if (bench.bytes().empty()) violations.Add("bytes", "must name a size");
  for (const int64_t bytes : bench.bytes())
    violations.InRange("bytes", static_cast<double>(bytes), 1, kMaxBenchBytes);
  for (const std::string& algorithm : bench.algorithms()) {
    if (algorithm != "auto") violations.Demand("algorithms", FindAlgorithm(algorithm).status());
  }
  violations.InRange("algorithms * bytes", 1.0 * bench.algorithms_size() * bench.bytes_size(), 0,
                     kMaxBenchRows);
  violations.InRange("warmup", bench.warmup(), 0, kMaxBenchIterations);
  if (bench.has_iterations())
    violations.InRange("iterations", bench.iterations(), 1, kMaxBenchIterations);
  RETURN_IF_ERROR(violations.ToStatus());
  return ValidateBench(spec.config(), kPlace);
}

void CheckPrompt(const char* field, const google::protobuf::RepeatedField<int32_t>& tokens,
                 int vocabulary, Violations* violations) {
  if (tokens.empty()) violations->Add(field, "must hold a token");
  for (const int32_t token : tokens) violations->InRange(field, token, 0, vocabulary - 1);
}

absl::Status CheckSample(const v1::SampleTask& sample, int vocabulary) {
  Violations violations(kPlace, "sample.");
  if (sample.prompts().empty() || !sample.prompt().empty())
    CheckPrompt("prompt", sample.prompt(), vocabulary, &violations);
  for (const v1::SamplePrompt& prompt : sample.prompts())
    CheckPrompt("prompts", prompt.tokens(), vocabulary, &violations);
  violations.InRange("prompts", sample.prompts_size(), 0, kMaxPrompts);
  if (sample.has_top_p() && !(sample.top_p() > 0 && sample.top_p() <= 1))
    violations.Add("top_p", "must be above 0 and at most 1");
  violations.InRange("token_text", sample.token_text_size(), 0, vocabulary);
  violations.InRange("stop", sample.stop_size(), 0, kMaxStops);
  for (const std::string& stop : sample.stop())
    violations.InRange("stop (bytes)", static_cast<double>(stop.size()), 1, kMaxStopBytes);
  violations.InRange("tokens", sample.tokens(), 0, kMaxSampleTokens);
  violations.NotNegative("temperature", sample.temperature());
  if (sample.has_top_k()) violations.InRange("top_k", sample.top_k(), 1, INT32_MAX);
  return violations.ToStatus();
}

absl::Status CheckTask(const v1::JobSpec& spec) {
  switch (spec.task_case()) {
    case v1::JobSpec::kEval:
      if (spec.eval().has_windows() && spec.eval().windows() < 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            "job: eval.windows: must be at least 1 (got ", spec.eval().windows(), ")"));
      }
      [[fallthrough]];
    case v1::JobSpec::kTrain:
      if (spec.corpus_blob().empty())
        return absl::InvalidArgumentError("job: corpus_blob: this task needs a corpus");
      break;
    case v1::JobSpec::kSample:
      RETURN_IF_ERROR(ValidateRun(spec.config(), kPlace));
      return CheckSample(spec.sample(), spec.config().model().vocabulary());
    case v1::JobSpec::kBench:
      return CheckBench(spec);
    case v1::JobSpec::kCalibrate:
      break;
    default:
      return absl::InvalidArgumentError(
          "job: task: must be train, eval, sample, bench or calibrate");
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

// Another attempt of a run is trained on what the ones before were.
absl::Status CheckSameRun(const v1::JobSpec& spec, BlobStore* blobs) {
  if (!spec.train().same_run()) return absl::OkStatus();
  const std::string& run = spec.config().name();
  if (!spec.train().resume() || spec.weights_blob() != absl::StrCat("run:", run)) {
    return absl::InvalidArgumentError(
        absl::StrCat("job: train.same_run: must resume the run's own checkpoint, run:", run));
  }
  std::vector<std::string> passed_over;
  const auto newest = blobs->FindCheckpoint(run, INT32_MAX, &passed_over);
  if (!newest.ok() || newest->manifest.corpus.empty()) return newest.status();
  if (newest->manifest.corpus == spec.corpus_blob()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "job: corpus_blob: run ", run, " was trained on another corpus (was ",
      newest->manifest.corpus, ", is ", spec.corpus_blob(), ")"));
}

// Who knew the network has looked at the deadline, too.
absl::Status FillDeadline(bool knew_network, v1::JobSpec* spec) {
  v1::RunConfig* config = spec->mutable_config();
  if (knew_network && config->collective().has_deadline_seconds()) return absl::OkStatus();
  absl::StatusOr<CollectiveNeeds> needs =
      spec->has_bench()
          ? NeedsOfAllReduces(
                *config, {spec->bench().bytes().begin(), spec->bench().bytes().end()},
                {spec->bench().algorithms().begin(), spec->bench().algorithms().end()})
          : NeedsOfStep(*config);
  RETURN_IF_ERROR(Annotate(needs.status(), "job: deadline"));
  return Annotate(ResolveDeadline(*needs, config), "job");
}

}  // namespace

absl::StatusOr<v1::JobSpec> CheckJob(const v1::JobSpec& spec,
                                     const v1::NetworkProfile& cluster_network, BlobStore* blobs) {
  v1::JobSpec filled = spec;
  if (spec.config().ByteSizeLong() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(absl::StrCat("job: config: ", spec.config().ByteSizeLong(),
                                                   " bytes: at most ", kMaxConfigBytes,
                                                   " (traces take most of it)"));
  }
  if (!spec.config().has_network()) *filled.mutable_config()->mutable_network() = cluster_network;
  FillDefaults(filled.mutable_config());
  RETURN_IF_ERROR(CheckTask(filled));
  RETURN_IF_ERROR(FillDeadline(spec.config().has_network(), &filled));
  RETURN_IF_ERROR(CheckBlob("corpus_blob", filled.corpus_blob(), blobs));
  RETURN_IF_ERROR(CheckBlob("weights_blob", filled.weights_blob(), blobs));
  // Before the run's own corpus is asked for: what cannot be read here is sent, under another id.
  if (filled.has_corpus_files())
    RETURN_IF_ERROR(Annotate(ServedCorpus::Open(filled.corpus_files()).status(), "job"));
  RETURN_IF_ERROR(CheckSameRun(filled, blobs));
  return filled;
}

}  // namespace edgetp
