#include "worker/job/sample_job.h"

#include <utility>

#include "common/base/status_macros.h"
#include "worker/job/sample_text.h"

namespace edgetp {
namespace {

void SendStep(const SampleJob& job, const StepStats& stats, v1::StepReport report) {
  report.set_job(job.assign->job());
  job.recorder->OnStep(stats, report);
  v1::WorkerMessage message;
  *message.mutable_step() = std::move(report);
  job.link->Send(std::move(message));
}

void SendText(const SampleJob& job, v1::SampleText text) {
  text.set_job(job.assign->job());
  v1::WorkerMessage message;
  *message.mutable_sample() = std::move(text);
  job.link->Send(std::move(message));
}

}  // namespace

absl::Status RunSampling(const SampleJob& job, const std::vector<std::string>& symbols,
                         v1::JobResult* result) {
  const v1::RunConfig& config = job.assign->spec().config();
  const bool simulated = config.clock() == v1::CLOCK_SIMULATED;
  SampleParts parts;
  parts.task = &job.assign->spec().sample();
  parts.config = &config;
  parts.symbols = symbols;
  parts.trainer = job.trainer;
  parts.group = job.group;
  parts.control = job.control;
  parts.network = [&] { return simulated ? "none" : job.network->Get(); };
  if (!simulated) {
    parts.step = [&job](const StepStats& stats, v1::StepReport report) {
      SendStep(job, stats, std::move(report));
    };
  }
  if (job.assign->rank() == 0)
    parts.text = [&job](v1::SampleText text) { SendText(job, std::move(text)); };
  ASSIGN_OR_RETURN(v1::SampleReport report, SampleTexts(parts));
  job.recorder->FillResult(result);
  if (job.assign->rank() == 0) *result->mutable_sample() = std::move(report);
  return absl::OkStatus();
}

}  // namespace edgetp
