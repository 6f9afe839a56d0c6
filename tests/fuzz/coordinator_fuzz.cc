// Workers that say anything at any time, clients that submit and stop in between: the coordinator
// answers each message with a bounded amount of work, and ends every run exactly once.
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "common/base/version.h"
#include "common/config/defaults.h"
#include "server/coordinator.h"
#include "server/job_check.h"
#include "server/prediction.h"
#include "server/run_directory.h"
#include "server/summary.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

constexpr int kMaxOperations = 200;

double AnyDouble(FuzzInput* input) {
  constexpr double kEdges[] = {0,   -1,    1e-9,   0.1,
                               1e9, 1e300, -1e300, std::numeric_limits<double>::quiet_NaN()};
  const uint8_t choice = input->Byte();
  if (choice < 128) return kEdges[choice % 8];
  uint64_t bits = static_cast<uint64_t>(input->Number()) << 32 | input->Number();
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

v1::JobSpec Job(int workers) {
  v1::JobSpec spec;
  spec.mutable_train();
  v1::RunConfig* const config = spec.mutable_config();
  config->set_workers(workers);
  config->set_pattern("ts");
  config->mutable_model()->set_layers(2);
  config->mutable_model()->set_heads(6);
  config->mutable_model()->set_channels(6);
  config->mutable_model()->set_sequence(4);
  config->mutable_model()->set_vocabulary(8);
  config->mutable_train()->set_steps(3);
  FillDefaults(config);
  return spec;
}

class Cluster {
 public:
  explicit Cluster(FuzzInput* input) : input_(input), coordinator_(CoordinatorOptions()) {}

  void Run() {
    for (int i = 0; i < kMaxOperations && input_->left() > 0; ++i) {
      Operate();
      CarryOut();
    }
    coordinator_.Shutdown(now_, absl::UnavailableError("the end"), &out_);
    CarryOut();
    for (const auto& [run, ends] : ends_) FUZZ_EXPECT(ends == 1);
  }

 private:
  void Operate() {
    switch (input_->Byte() % 10) {
      case 0:
        return Join();
      case 1:
        return Submit();
      case 2:
        coordinator_.Stop(now_, AnyRun(), &out_).IgnoreError();
        return;
      case 3:
        now_ += absl::Milliseconds(input_->Number() % 8000);
        return coordinator_.Tick(now_, &out_);
      case 4:
        return coordinator_.OnStreamClosed(now_, AnyWorker(), &out_);
      default:
        return coordinator_.OnMessage(now_, AnyWorker(), AnyMessage(), &out_);
    }
  }

  void Join() {
    v1::JoinRequest request;
    request.set_version(input_->Byte() % 16 == 0 ? "other" : kVersion);
    // Most of them can be dialled.
    const std::string text = input_->Text(input_->Byte() % 8);
    request.mutable_member()->set_peer_address(text.size() == 1 ? text : text + "h:1");
    const auto id = coordinator_.Join(now_, request, &out_);
    if (id.ok()) workers_.push_back(*id);
  }

  void Submit() {
    const std::string run = "run-" + std::to_string(ends_.size());
    if (coordinator_.Submit(now_, run, Job(input_->Within(1, 3)), &out_).ok()) ends_[run] = 0;
  }

  std::string AnyRun() {
    if (input_->Byte() % 8 == 0 || ends_.empty()) return "none";
    if (coordinator_.active() != nullptr) return coordinator_.active()->run();
    return ends_.rbegin()->first;
  }
  std::string AnyWorker() {
    if (workers_.empty()) return "worker-0";
    return workers_[input_->Byte() % workers_.size()];
  }

  v1::WorkerMessage AnyMessage() {
    v1::WorkerMessage message;
    switch (input_->Byte() % 8) {
      case 0:
        message.mutable_heartbeat();
        break;
      case 1:
      case 2:
        message.mutable_ready()->set_job(AnyRun());
        break;
      case 3:
      case 4:
        *message.mutable_step() = AnyStep();
        break;
      case 5:
        *message.mutable_result() = AnyResult();
        break;
      case 6:
        message.mutable_failure()->set_job(AnyRun());
        message.mutable_failure()->set_secondary(input_->Byte() % 2 == 0);
        message.mutable_failure()->set_culprit(static_cast<int>(input_->Number()));
        message.mutable_failure()->mutable_failure()->set_code(static_cast<int>(input_->Number()));
        message.mutable_failure()->mutable_failure()->set_message(input_->Text(5));
        break;
      default:
        if (input_->Byte() % 4 == 0) {
          message.mutable_leave();
        } else {
          message.mutable_progress()->set_job(AnyRun());
          message.mutable_progress()->set_activity(input_->Text(5));
          message.mutable_progress()->set_done(AnyDouble(input_));
        }
    }
    return message;
  }

  v1::StepReport AnyStep() {
    v1::StepReport step;
    step.set_job(AnyRun());
    step.set_step(input_->Byte() % 4 == 0 ? static_cast<int>(input_->Number())
                                          : input_->Byte() % 5);
    step.set_step_seconds(AnyDouble(input_));
    step.set_end_seconds(AnyDouble(input_));
    step.mutable_breakdown_seconds()->set_compute(AnyDouble(input_));
    step.mutable_bytes()->set_scalar(AnyDouble(input_));
    if (input_->Byte() % 2 == 0) step.set_val_loss(AnyDouble(input_));
    step.set_network(input_->Byte() % 4 == 0 ? input_->Text(4) : "none");
    return step;
  }

  v1::JobResult AnyResult() {
    v1::JobResult result;
    result.set_job(AnyRun());
    result.mutable_fidelity()->set_elapsed_seconds(AnyDouble(input_));
    result.mutable_fidelity()->set_late_seconds(AnyDouble(input_));
    result.mutable_fidelity()->set_error_p99_us(AnyDouble(input_));
    result.set_message_overhead_us(AnyDouble(input_));
    const uint8_t algorithm = input_->Byte() % 4;
    if (algorithm > 0) result.set_allreduce_algorithm(algorithm == 1 ? "ring" : "direct");
    if (algorithm > 2) result.set_allreduce_algorithm(input_->Text(5));
    // 14 is what the plan has for two and three ranks, as long as nobody changes Job().
    const int computes = input_->Byte() % 2 == 0 ? 14 : input_->Byte() % 20;
    for (int i = 0; i < computes; ++i)
      result.add_compute_seconds(static_cast<float>(i == 0 ? AnyDouble(input_) : 0.001));
    return result;
  }

  void CarryOut() {
    // One message to each worker, for each of the few things that can happen at once.
    FUZZ_EXPECT(out_.sends.size() <= 8 * (workers_.size() + 1));
    FUZZ_EXPECT(out_.events.size() <= 8 + 2 * ends_.size());
    for (const auto& [run, event] : out_.events) ToJson(event, false);
    for (const EndedRun& ended : out_.ended) {
      ++ends_[ended.run];
      FUZZ_EXPECT(ended.failure.ok() == (ended.outcome == "done"));
      const auto prediction = PredictSteps(ended, [](double) { return false; });
      ToJson(Summarize(ended, prediction.ok() ? *prediction : Prediction()), true);
    }
    out_ = Outputs();
  }

  FuzzInput* const input_;
  Coordinator coordinator_;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  Outputs out_;
  std::vector<std::string> workers_;
  std::map<std::string, int> ends_;  // by run
};

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  edgetp::FuzzInput input(data, size);
  edgetp::Cluster(&input).Run();
  return 0;
}
