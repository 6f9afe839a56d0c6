#include "worker/calibrate.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/rpc/host.h"
#include "common/simulate/compute_cost.h"
#include "worker/bench_all_reduce.h"
#include "worker/model/device.h"
#include "worker/peer_clock.h"
#include "worker/process_setup.h"

namespace edgetp {
namespace {

// Far beyond any cache.
constexpr size_t kCopyBytes = size_t{128} << 20;
constexpr int kCopies = 5;
// What a message costs by itself, and what its bytes cost.
constexpr int64_t kSmallBytes = 4 << 10;
constexpr int64_t kLargeBytes = 16 << 20;
constexpr int kWarmupSteps = 3;
constexpr int kSteps = 9;
constexpr CollectiveTag kBarrier = {TrafficClass::kControl, Phase::kForward, -1};

double Now() { return absl::ToDoubleSeconds(MonotonicNow() - absl::UnixEpoch()); }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The products of one layer's forward pass, and of the head. The backward pass has each twice, with
// the same operands turned.
std::vector<v1::CalibrateReport::Gemm> GemmsOf(const v1::RunConfig& config) {
  const int rows = config.train().batch() * config.model().sequence();
  const int channels = config.model().channels();
  std::vector<v1::CalibrateReport::Gemm> gemms;
  const auto add = [&](const char* name, int inner, int columns) {
    v1::CalibrateReport::Gemm& gemm = gemms.emplace_back();
    gemm.set_name(name);
    gemm.set_rows(rows);
    gemm.set_inner(inner);
    gemm.set_columns(columns);
  };
  add("attention, in", channels, 3 * channels);
  add("attention, out", channels, channels);
  add("mlp, in", channels, 4 * channels);
  add("mlp, out", 4 * channels, channels);
  add("head", channels, config.model().vocabulary());
  return gemms;
}

void MeasureGemms(const v1::RunConfig& config, const std::string& device,
                  v1::CalibrateReport* report) {
  for (v1::CalibrateReport::Gemm& gemm : GemmsOf(config)) {
    const GemmShape shape{gemm.rows(), gemm.inner(), gemm.columns()};
    const double seconds = MeasureGemmSeconds(shape, &Now, device);
    gemm.set_flops_per_second(2.0 * gemm.rows() * gemm.inner() * gemm.columns() / seconds);
    *report->add_gemms() = std::move(gemm);
  }
}

double MeasureMemory() {
  std::vector<char> from(kCopyBytes, 1);
  std::vector<char> to(kCopyBytes);
  std::vector<double> seconds;
  for (int i = 0; i < kCopies; ++i) {
    const double begin = Now();
    std::memcpy(to.data(), from.data(), kCopyBytes);
    // Read what was written: else the compiler may leave it out.
    from[i] = to[kCopyBytes - 1 - i];
    seconds.push_back(Now() - begin);
  }
  return 2.0 * static_cast<double>(kCopyBytes) / Median(std::move(seconds));
}

// What an accelerator has that a CPU has not, or has elsewhere.
void MeasureAccelerator(const v1::RunConfig& config, const std::string& device,
                        v1::CalibrateReport* report) {
  const DeviceSpeed speed(device, &Now);
  const double activation = 1.0 * config.train().batch() * config.model().sequence() *
                            config.model().channels() * sizeof(float);
  report->set_device(AcceleratorModel(device));
  report->set_memory_bytes_per_second(speed.MemoryBytesPerSecond());
  report->set_staging_bytes_per_second(speed.StagingBytesPerSecond(activation));
  if (const auto memory = AcceleratorMemory(device)) report->set_memory_bytes(memory->total_bytes);
}

absl::Status Wait(CollectiveGroup* group) {
  float nothing = 0;
  return group->AllReduce(kBarrier, absl::MakeSpan(&nothing, 1));
}

// Between two ranks, each end of a direct all-reduce sends one message and receives one.
absl::Status MeasureMessages(CollectiveGroup* group, v1::CalibrateReport* report) {
  v1::BenchTask task;
  task.add_bytes(kSmallBytes);
  task.add_bytes(kLargeBytes);
  task.add_algorithms("direct");
  task.set_warmup(10);
  ASSIGN_OR_RETURN(const v1::BenchReport bench, BenchAllReduce(task, "none", group));
  report->set_message_overhead_us(bench.rows(0).median_us() / 2);
  report->set_loopback_bytes_per_second(bench.rows(1).bandwidth_bytes_per_second());
  return absl::OkStatus();
}

TokenBatch AnyTokens(const v1::RunConfig& config) {
  TokenBatch tokens{config.train().batch(), config.model().sequence(), {}, {}};
  const int count = tokens.batch * tokens.sequence;
  for (int i = 0; i < 2 * count; ++i) {
    const auto token = static_cast<int64_t>(RandomBits(config.seed(), i) %
                                            static_cast<uint64_t>(config.model().vocabulary()));
    (i < count ? tokens.inputs : tokens.targets).push_back(token);
  }
  return tokens;
}

// Seconds of compute in a step, all of its micro-batches included.
absl::StatusOr<double> MeasureSteps(const v1::RunConfig& config, const StepPlan& plan,
                                    Trainer* trainer, CollectiveGroup* group) {
  const std::vector<TokenBatch> batches(config.train().micro_batches(), AnyTokens(config));
  std::vector<double> seconds;
  for (int step = 0; step < kWarmupSteps + kSteps; ++step) {
    group->BeginStep(step, Collectives(plan.steps[group->rank()]));
    RETURN_IF_ERROR(trainer->TrainStep(step, batches, config.train().learning_rate()).status());
    RETURN_IF_ERROR(group->EndStep());
    const double compute = group->TakeStats().breakdown_seconds.compute();
    if (step >= kWarmupSteps) seconds.push_back(compute);
  }
  return Median(std::move(seconds));
}

}  // namespace

double FittingFlops(const std::vector<PlanStep>& steps, double memory_bytes_per_second,
                    double seconds, double at_most) {
  const auto takes = [&](double flops_per_second) {
    absl::Duration sum;
    for (const absl::Duration segment :
         SegmentDurations(steps, {.flops_per_second = flops_per_second,
                                 .memory_bytes_per_second = memory_bytes_per_second})) {
      sum += segment;
    }
    return absl::ToDoubleSeconds(sum);
  };
  double low = 1;
  double high = at_most;
  if (takes(high) >= seconds) return high;
  for (int i = 0; i < 100; ++i) {
    const double middle = std::sqrt(low * high);
    (takes(middle) > seconds ? low : high) = middle;
  }
  return high;
}

absl::StatusOr<v1::CalibrateReport> Calibrate(const v1::RunConfig& config,
                                              const std::string& device, int threads,
                                              Trainer* trainer, CollectiveGroup* group) {
  v1::CalibrateReport report;
  report.set_model(config.model().name());
  report.set_host(HostName());
  report.set_threads(threads);
  report.set_blas(BlasName());
  report.set_memory_bytes(static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                          static_cast<double>(sysconf(_SC_PAGESIZE)));
  // One machine: the others are quiet meanwhile.
  if (group->rank() == 0) {
    MeasureGemms(config, device, &report);
    report.set_memory_bytes_per_second(MeasureMemory());
    report.set_device(device);
    if (IsAccelerator(device)) MeasureAccelerator(config, device, &report);
  }
  RETURN_IF_ERROR(Wait(group));
  RETURN_IF_ERROR(MeasureMessages(group, &report));
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(config));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(options));
  ASSIGN_OR_RETURN(const double seconds, MeasureSteps(config, plan, trainer, group));
  if (group->rank() != 0) return report;
  double fastest = 0;
  for (const v1::CalibrateReport::Gemm& gemm : report.gemms())
    fastest = std::max(fastest, gemm.flops_per_second());
  report.set_step_compute_seconds(seconds);
  report.set_flops_per_second(
      FittingFlops(plan.steps[0], report.memory_bytes_per_second(), seconds, fastest));
  return report;
}

}  // namespace edgetp
