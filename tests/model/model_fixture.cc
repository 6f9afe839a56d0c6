#include "tests/model/model_fixture.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "tests/data/tensor_collector.h"
#include "worker/model/cpu_ops.h"
#include "worker/model/device.h"

namespace edgetp::test {
namespace {

// The same tests, on a GPU: EDGETP_TEST_DEVICE=cuda:0.
std::string DeviceUnderTest() {
  const char* const device = getenv("EDGETP_TEST_DEVICE");
  return device == nullptr ? "cpu" : device;
}

// The same tests, with the operations that accelerators compute with: EDGETP_TEST_KERNELS=plain.
bool WithoutHostKernels() {
  const char* const kernels = getenv("EDGETP_TEST_KERNELS");
  return kernels != nullptr && std::string(kernels) == "plain";
}

// A LibTorch with CUDA may well be on a host without a GPU.
class DeviceEnvironment : public ::testing::Environment {
  void SetUp() override {
    cpu::enabled = !WithoutHostKernels();
    const std::vector<std::string> present = PresentDevices();
    if (std::find(present.begin(), present.end(), DeviceUnderTest()) == present.end())
      GTEST_SKIP() << DeviceUnderTest() << " is not on this host";
  }
};

const ::testing::Environment* const kDeviceEnvironment =
    ::testing::AddGlobalTestEnvironment(new DeviceEnvironment);

NamedTensor Random(const std::string& name, const std::vector<int64_t>& shape, double mean,
                   double deviation) {
  const torch::Tensor values = torch::randn(shape) * deviation + mean;
  const float* data = values.data_ptr<float>();
  return {name, shape, std::vector<float>(data, data + values.numel())};
}

}  // namespace

TrainerOptions TinyOptions(const std::string& pattern, int world_size, bool biases) {
  TrainerOptions options;
  options.pattern = *Pattern::Parse(pattern, 0);
  options.shape = {options.pattern.layers(), 4, 16, 8, 11, biases};
  if (world_size == 3) options.split = {2, 1, 1};
  options.device = DeviceUnderTest();
  return options;
}

std::vector<NamedTensor> StrongWeights(const ModelShape& shape) {
  torch::manual_seed(7);
  const int64_t C = shape.channels;
  std::vector<NamedTensor> weights = {Random("wte.weight", {shape.vocabulary, C}, 0, 0.5),
                                      Random("wpe.weight", {shape.sequence, C}, 0, 0.5)};
  auto norm = [&](const std::string& name) {
    weights.push_back(Random(name + ".weight", {C}, 1, 0.2));
    if (shape.biases) weights.push_back(Random(name + ".bias", {C}, 0, 0.2));
  };
  auto linear = [&](const std::string& name, int64_t in, int64_t out) {
    weights.push_back(Random(name + ".weight", {in, out}, 0, 0.2));
    if (shape.biases) weights.push_back(Random(name + ".bias", {out}, 0, 0.2));
  };
  for (int layer = 0; layer < shape.layers; ++layer) {
    const std::string h = absl::StrCat("h.", layer, ".");
    norm(h + "ln_1");
    linear(h + "attn.c_attn", C, 3 * C);
    linear(h + "attn.c_proj", C, C);
    norm(h + "ln_2");
    linear(h + "mlp.c_fc", C, 4 * C);
    linear(h + "mlp.c_proj", 4 * C, C);
  }
  norm("ln_f");
  if (!shape.tied_head) weights.push_back(Random("lm_head.weight", {shape.vocabulary, C}, 0, 0.5));
  return weights;
}

TokenBatch TinyBatch(const ModelShape& shape, int number) {
  TokenBatch batch{.batch = 2, .sequence = shape.sequence};
  for (int i = 0; i < batch.batch * batch.sequence; ++i) {
    batch.inputs.push_back((i * 5 + number * 3 + i / 7) % shape.vocabulary);
    batch.targets.push_back((i * i + number + 1) % shape.vocabulary);
  }
  return batch;
}

TrainerGroup::TrainerGroup(const TrainerOptions& options, int world_size)
    : threads_(world_size), trainers_(world_size) {
  for (int rank = 0; rank < world_size; ++rank) {
    auto trainer = Trainer::Create(options, threads_.member(rank));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    trainers_[rank] = *std::move(trainer);
  }
}

void TrainerGroup::Load(const std::vector<NamedTensor>& weights) {
  for (int rank = 0; rank < threads_.world_size(); ++rank) {
    const absl::Status status = LoadWeights(rank, weights);
    ASSERT_TRUE(status.ok()) << status;
  }
}

absl::Status TrainerGroup::LoadWeights(int rank, const std::vector<NamedTensor>& weights) {
  ASSIGN_OR_RETURN(const std::vector<StoredTensor> stored, InMemory(weights));
  return trainers_[rank]->LoadWeights(stored);
}

absl::Status TrainerGroup::LoadOptimizerState(int rank, const std::vector<NamedTensor>& moments) {
  ASSIGN_OR_RETURN(const std::vector<StoredTensor> stored, InMemory(moments));
  return trainers_[rank]->LoadOptimizerState(stored);
}

StepResult TrainerGroup::TrainStep(int step, const std::vector<TokenBatch>& micro_batches,
                                   const UpdateRule& rule) {
  std::vector<absl::StatusOr<StepResult>> results(trainers_.size());
  threads_.Run(
      [&](int rank) { results[rank] = trainers_[rank]->TrainStep(step, micro_batches, rule); });
  for (const auto& result : results) {
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return {};
    EXPECT_EQ(result->loss, results[0]->loss);
    EXPECT_EQ(result->gradient_norm, results[0]->gradient_norm);
    EXPECT_EQ(result->skipped, results[0]->skipped);
  }
  return *results[0];
}

double TrainerGroup::Evaluate(const TokenBatch& batch) {
  std::vector<absl::StatusOr<double>> losses(trainers_.size());
  threads_.Run([&](int rank) { losses[rank] = trainers_[rank]->Evaluate(batch); });
  for (const auto& loss : losses) {
    EXPECT_TRUE(loss.ok()) << loss.status();
    if (!loss.ok()) return 0;
    EXPECT_EQ(*loss, *losses[0]);
  }
  return *losses[0];
}

std::vector<float> TrainerGroup::NextTokenLogits(const std::vector<int64_t>& tokens) {
  std::vector<absl::StatusOr<std::vector<float>>> logits(trainers_.size());
  threads_.Run([&](int rank) { logits[rank] = trainers_[rank]->NextTokenLogits(tokens); });
  for (const auto& each : logits) {
    EXPECT_TRUE(each.ok()) << each.status();
    if (!each.ok()) return {};
    EXPECT_EQ(*each, *logits[0]);
  }
  return *logits[0];
}

std::vector<NamedTensor> TrainerGroup::Export(bool optimizer_state) {
  std::vector<absl::Status> exported(trainers_.size());
  std::vector<TensorCollector> collectors;
  for (const auto& trainer : trainers_)
    collectors.emplace_back(trainer->ExportedTensors(optimizer_state));
  threads_.Run([&](int rank) {
    exported[rank] = trainers_[rank]->ExportWeights(optimizer_state, collectors[rank].Sink());
  });
  for (size_t rank = 0; rank < exported.size(); ++rank) {
    EXPECT_TRUE(exported[rank].ok()) << exported[rank];
    if (!exported[rank].ok()) return {};
    EXPECT_EQ(collectors[rank].values() == 0, rank != 0);
  }
  return collectors[0].Take();
}

int ExpectEachFailureEndsTheStep(const TrainerOptions& options, int needed) {
  TrainerGroup healthy(options, 2);
  healthy.TrainStep(0, {TinyBatch(options.shape, 0)}, 1e-3);
  const int count = static_cast<int>(healthy.threads().log().size());
  const absl::Status cause = absl::DataLossError("segment 3 has a wrong size");
  for (int number = 0; number < count; ++number) {
    TrainerGroup group(options, 2);
    group.threads().FailAt(1, number, cause);
    std::vector<absl::Status> status(2);
    group.threads().Run([&](int rank) {
      status[rank] = group.trainer(rank).TrainStep(0, {TinyBatch(options.shape, 0)}, 1e-3).status();
    });
    EXPECT_EQ(status[1], cause) << number;
    if (number < needed || !status[0].ok()) {
      EXPECT_EQ(status[0].code(), absl::StatusCode::kAborted) << number;
    }
    EXPECT_EQ(group.trainer(1).Evaluate(TinyBatch(options.shape, 0)).status(), cause)
        << "the first error stays";
  }
  return count;
}

void ExpectPlanned(const absl::StatusOr<StepPlan>& plan, const std::vector<LoggedAllReduce>& got) {
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::vector<CollectiveStep> want = CollectiveEntries(plan->steps[0]);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].tag.traffic, want[i].tag.traffic) << i;
    EXPECT_EQ(got[i].tag.phase, want[i].tag.phase) << i;
    EXPECT_EQ(got[i].tag.layer, want[i].tag.layer) << i;
    EXPECT_EQ(got[i].tag.reduction, want[i].tag.reduction) << i;
    EXPECT_EQ(got[i].elements, want[i].elements) << i;
    EXPECT_EQ(got[i].part, want[i].part) << i;
    EXPECT_EQ(got[i].handle, want[i].handle) << i;
  }
}

torch::Tensor AsTensor(const NamedTensor& named) {
  return torch::tensor(named.values, torch::kFloat).view(named.shape).to(torch::kDouble);
}

double Difference(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  return (a.detach() - b.detach()).abs().max().item<double>();
}

}  // namespace edgetp::test
