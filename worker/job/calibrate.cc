#include "worker/job/calibrate.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/collective/codec.h"
#include "common/rpc/host.h"
#include "common/simulate/compute_cost.h"
#include "worker/job/bench_all_reduce.h"
#include "worker/job/process_setup.h"
#include "worker/model/device.h"
#include "worker/model/trainer.h"
#include "worker/transport/peer_clock.h"

namespace edgetp {
namespace {

// Far beyond any cache.
constexpr size_t kCopyBytes = size_t{128} << 20;
constexpr int kCopies = 5;
constexpr int64_t kLargeBytes = 16 << 20;
constexpr CollectiveTag kBarrier = {TrafficClass::kControl, Phase::kForward, -1};

double Now() { return absl::ToDoubleSeconds(MonotonicNow() - absl::UnixEpoch()); }

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
  return 2.0 * static_cast<double>(kCopyBytes) / Quantile(std::move(seconds), 0.5);
}

// Into 8 bits and back: the mean of both ways. As large as activations are, so in a cache.
double MeasureCodec() {
  constexpr int kElements = 1 << 18;
  constexpr int kRounds = 51;
  const WireFormat wire = *WireFormat::Parse("int8");
  std::vector<float> values(kElements);
  for (int i = 0; i < kElements; ++i) values[i] = static_cast<float>(i % 1009);
  std::vector<std::byte> bytes(wire.WireBytes(kElements));
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = Now();
    wire.Encode(values, bytes.data());
    wire.Decode(bytes.data(), absl::MakeSpan(values));
    seconds.push_back(Now() - begin);
  }
  return 2.0 * kElements * sizeof(float) / Quantile(std::move(seconds), 0.5);
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

absl::Status MeasureLoopback(CollectiveGroup* group, v1::CalibrateReport* report) {
  v1::BenchTask task;
  task.add_bytes(kLargeBytes);
  task.add_algorithms("direct");
  task.set_warmup(10);
  ASSIGN_OR_RETURN(const v1::BenchReport bench, BenchAllReduce(task, "none", group));
  report->set_loopback_bytes_per_second(bench.rows(0).bandwidth_bytes_per_second());
  return absl::OkStatus();
}

}  // namespace

void ReportFit(const std::vector<MeasuredShape>& shapes, v1::CalibrateReport* report) {
  std::vector<MeasuredStep> steps;
  std::vector<MeasuredMessages> messages;
  for (const MeasuredShape& shape : shapes) {
    steps.push_back(shape.segments);
    messages.insert(messages.end(), shape.messages.begin(), shape.messages.end());
  }
  DeviceOptions device;
  FitCompute(steps, &device);
  FitMessages(messages, &device);
  report->set_flops_per_second(device.flops_per_second);
  report->set_elementwise_bytes_per_second(device.elementwise_bytes_per_second);
  report->set_optimizer_bytes_per_second(device.optimizer_bytes_per_second);
  report->set_operation_overhead_us(absl::ToDoubleMicroseconds(device.operation_overhead));
  report->set_segment_overhead_us(absl::ToDoubleMicroseconds(device.segment_overhead));
  report->set_message_overhead_us(absl::ToDoubleMicroseconds(device.message_overhead));
  report->set_message_bytes_per_second(device.message_bytes_per_second);
  for (const MeasuredShape& shape : shapes) {
    absl::Duration fitted;
    for (const MeasuredSegment& segment : shape.segments)
      fitted += DurationOf(segment.work, device);
    v1::CalibrateReport::Shape& row = *report->add_shapes();
    row.set_name(shape.name);
    row.set_compute_seconds(shape.compute_seconds);
    row.set_fitted_seconds(absl::ToDoubleSeconds(fitted));
  }
}

absl::StatusOr<v1::CalibrateReport> Calibrate(const v1::RunConfig& config,
                                              const JobEnvironment& environment,
                                              CollectiveGroup* group) {
  v1::CalibrateReport report;
  report.set_model(config.model().name());
  report.set_host(HostName());
  report.set_threads(environment.threads);
  report.set_blas(BlasName());
  report.set_memory_bytes(static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                          static_cast<double>(sysconf(_SC_PAGESIZE)));
  // One machine: the others are quiet meanwhile.
  if (group->rank() == 0) {
    MeasureGemms(config, environment.device, &report);
    report.set_memory_bytes_per_second(MeasureMemory());
    report.set_codec_bytes_per_second(MeasureCodec());
    report.set_device(environment.device);
    if (IsAccelerator(environment.device)) MeasureAccelerator(config, environment.device, &report);
  }
  RETURN_IF_ERROR(Wait(group));
  RETURN_IF_ERROR(MeasureLoopback(group, &report));
  ASSIGN_OR_RETURN(const std::vector<MeasuredShape> shapes,
                   MeasureShapes(config, environment.device, group));
  report.set_step_compute_seconds(shapes.front().compute_seconds);
  ReportFit(shapes, &report);
  return report;
}

}  // namespace edgetp
