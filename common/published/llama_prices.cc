// Bytes of a tensor-parallel Llama: what its root exchanges, and what it holds.
#include <algorithm>
#include <cmath>

#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/plan/llama_plan.h"
#include "common/published/row_prices.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

constexpr double kKibibyte = 1 << 10;
constexpr double kGibibyte = 1 << 30;

// Adds up what the root, rank 0, sends and receives.
class RootTraffic : public TimelineObserver {
 public:
  void OnCompute(int, absl::Time, absl::Time, size_t) override {}
  void OnCollective(int, absl::Time, absl::Time, const CollectiveStep&) override {}
  void OnWait(int, absl::Time, absl::Time, const TimeBreakdown&) override {}
  void OnMessage(const MessageSpan& message) override {
    if (message.source == 0) sent_ += message.bytes;
    if (message.destination == 0) received_ += message.bytes;
  }
  void OnReceive(int, int, absl::Time) override {}

  // As the program prints it: whole KiB of each direction.
  double Kib(v1::PublishedTraffic::Direction direction) const {
    const double sent = std::floor(static_cast<double>(sent_) / kKibibyte);
    const double received = std::floor(static_cast<double>(received_) / kKibibyte);
    if (direction == v1::PublishedTraffic::DIRECTION_SENT) return sent;
    if (direction == v1::PublishedTraffic::DIRECTION_RECEIVED) return received;
    return sent + received;
  }

 private:
  int64_t sent_ = 0;
  int64_t received_ = 0;
};

// Validation has seen to it that there is one.
LlamaShape ShapeOf(const v1::Published& file, const std::string& name) {
  return ToLlamaShape(
      *std::find_if(file.models().begin(), file.models().end(),
                    [&](const v1::LlamaConfig& model) { return model.name() == name; }));
}

}  // namespace

absl::StatusOr<double> PriceTrafficRow(const PublishedCase& row) {
  const v1::PublishedTraffic& work = row.row.traffic();
  LlamaOptions llama;
  llama.shape = ShapeOf(row.file, work.model());
  llama.world_size = work.boards();
  llama.sync = ToLlamaSync(work.sync());
  ASSIGN_OR_RETURN(llama.wire, WireFormat::Parse(work.wire()));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildLlamaPlan(llama));
  TimelineOptions options;
  options.world_size = work.boards();
  options.algorithm = "star";  // everything goes through the root
  ASSIGN_OR_RETURN(TimelineSimulator simulator, TimelineSimulator::Create(std::move(options)));
  RootTraffic traffic;
  RETURN_IF_ERROR(
      simulator.RunStep(plan, BuildComputeTable(plan, {DeviceOptions()}), &traffic).status());
  return traffic.Kib(work.direction());
}

absl::StatusOr<double> PriceMemoryRow(const PublishedCase& row) {
  const v1::PublishedMemory& work = row.row.memory();
  LlamaOptions llama;
  llama.shape = ShapeOf(row.file, work.model());
  llama.world_size = work.boards();
  llama.weights = LlamaWeights::kFloat32;
  ASSIGN_OR_RETURN(const StepPlan plan, BuildLlamaPlan(llama));
  return plan.memory.front().parameters_bytes / kGibibyte;
}

}  // namespace edgetp
