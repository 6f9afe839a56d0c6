// Weights in and out: initial values, full tensors against slices, the replica check.
#include <cmath>
#include <cstring>

#include "tests/model/model_fixture.h"

namespace edgetp::test {
namespace {

using testing::HasSubstr;

const NamedTensor& Find(const std::vector<NamedTensor>& tensors, const std::string& name) {
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << name << " is missing";
  return tensors.front();
}

void ExpectSame(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].shape, b[i].shape);
    EXPECT_EQ(a[i].values, b[i].values) << a[i].name;
  }
}

TEST(InitTest, EveryWorldSizeStartsAsTheSameModel) {
  for (const InitKind init : {InitKind::kGpt2, InitKind::kTorch}) {
    TrainerOptions options = TinyOptions("tsp", 1);
    options.init = init;
    const auto want = TrainerGroup(options, 1).Export();
    for (int world_size = 2; world_size <= 4; ++world_size) {
      options.split = TinyOptions("tsp", world_size).split;
      ExpectSame(TrainerGroup(options, world_size).Export(), want);
    }
  }
}

TEST(InitTest, Gpt2UsesItsTwoDeviations) {
  TrainerOptions options;
  options.pattern = *Pattern::Parse("tt", 0);
  options.shape = {2, 4, 64, 16, 100, true};
  const auto weights = TrainerGroup(options, 1).Export();
  auto deviation = [&](const char* name) {
    return AsTensor(Find(weights, name)).std().item<double>();
  };
  EXPECT_NEAR(deviation("wte.weight"), 0.02, 0.001);
  EXPECT_NEAR(deviation("h.0.attn.c_attn.weight"), 0.02, 0.001);
  EXPECT_NEAR(deviation("h.1.mlp.c_proj.weight"), 0.01, 0.0005);  // 0.02 / sqrt(2 L)
  EXPECT_NEAR(AsTensor(Find(weights, "h.0.mlp.c_fc.weight")).mean().item<double>(), 0, 0.001);
  EXPECT_EQ(deviation("h.0.attn.c_attn.bias"), 0);
  EXPECT_EQ(AsTensor(Find(weights, "h.0.ln_1.weight")).min().item<double>(), 1);
}

TEST(InitTest, TorchIsUniformInTheInverseRootOfTheInputs) {
  TrainerOptions options;
  options.pattern = *Pattern::Parse("tt", 0);
  options.shape = {2, 4, 64, 16, 100, true};
  options.init = InitKind::kTorch;
  const auto weights = TrainerGroup(options, 1).Export();
  auto largest = [&](const char* name) {
    return AsTensor(Find(weights, name)).abs().max().item<double>();
  };
  EXPECT_NEAR(largest("h.0.attn.c_attn.weight"), 1 / 8.0, 0.001);
  EXPECT_NEAR(largest("h.0.attn.c_attn.bias"), 1 / 8.0, 0.01);
  EXPECT_NEAR(largest("h.0.mlp.c_proj.weight"), 1 / 16.0, 0.001);  // 4C inputs
  EXPECT_NEAR(largest("h.0.mlp.c_proj.bias"), 1 / 16.0, 0.01);
  EXPECT_NEAR(AsTensor(Find(weights, "wte.weight")).std().item<double>(), 0.02, 0.001);
}

TEST(WeightsTest, ExportReturnsWhatWasLoadedAtEveryWorldSize) {
  for (const bool biases : {true, false}) {
    for (int world_size = 1; world_size <= 4; ++world_size) {
      const TrainerOptions options = TinyOptions("ts", world_size, biases);
      const auto weights = StrongWeights(options.shape);
      TrainerGroup group(options, world_size);
      group.Load(weights);
      const auto exported = group.Export();
      EXPECT_EQ(exported.size(), weights.size());
      for (const NamedTensor& tensor : exported)
        EXPECT_EQ(tensor.values, Find(weights, tensor.name).values) << tensor.name;
    }
  }
}

TEST(WeightsTest, OnlyTheSlicesOfShardedTensorsTravel) {
  const TrainerOptions options = TinyOptions("t", 2);
  TrainerGroup group(options, 2);
  group.threads().ClearLog();
  group.Export(/*optimizer_state=*/true);
  // Weight and bias of c_attn and c_fc, the weights of both projections; values and two moments.
  EXPECT_EQ(group.threads().log().size(), 3 * 6u);
  for (const LoggedAllReduce& entry : group.threads().log()) {
    EXPECT_TRUE(entry.gather);
    EXPECT_EQ(entry.tag.traffic, TrafficClass::kControl);
  }
}

TEST(WeightsTest, AnExportSendsWhatItHasTold) {
  const TrainerOptions options = TinyOptions("tg", 2);
  TrainerGroup group(options, 2);
  for (const bool optimizer_state : {false, true}) {
    int64_t elements = 0;
    for (const TensorInfo& tensor : group.trainer(0).ExportedTensors(optimizer_state))
      elements += tensor.elements();
    int64_t sent = 0;
    const ValueSink count = [&](absl::Span<const float> values) {
      sent += static_cast<int64_t>(values.size());
      return absl::OkStatus();
    };
    group.threads().Run([&](int rank) {
      EXPECT_EQ(group.trainer(rank).ExportWeights(optimizer_state, count), absl::OkStatus());
    });
    EXPECT_EQ(sent, elements);
  }
}

// The others have no way to know: they send their parts, and the group goes on.
TEST(WeightsTest, ASinkThatFailsEndsNoGathering) {
  const TrainerOptions options = TinyOptions("t", 2);
  TrainerGroup group(options, 2);
  const absl::Status full = absl::ResourceExhaustedError("the disk is full");
  int asked = 0;
  std::vector<absl::Status> status(2);
  group.threads().Run([&](int rank) {
    status[rank] = group.trainer(rank).ExportWeights(true, [&](absl::Span<const float>) {
      return ++asked < 3 ? absl::OkStatus() : full;
    });
  });
  EXPECT_EQ(status[0], full);
  EXPECT_EQ(status[1], absl::OkStatus());
  EXPECT_EQ(asked, 3) << "nothing is sent after the first error";
  group.TrainStep(0, {TinyBatch(options.shape, 0)}, 1e-3);
}

TEST(WeightsTest, WhoEvaluatesHasNoMomentsAndGivesTheSameLoss) {
  TrainerOptions options = TinyOptions("ts", 2);
  const auto weights = StrongWeights(options.shape);
  TrainerGroup trains(options, 2);
  trains.Load(weights);
  options.trains = options.initialises = false;
  TrainerGroup evaluates(options, 2);
  evaluates.Load(weights);
  const TokenBatch batch = TinyBatch(options.shape, 0);
  EXPECT_EQ(evaluates.Evaluate(batch), trains.Evaluate(batch));
  EXPECT_EQ(evaluates.trainer(0).TrainStep(0, {batch}, 1e-3).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(evaluates.LoadOptimizerState(0, {}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(WeightsTest, TrainingContinuesAtAnotherWorldSizeFromWeightsAndMoments) {
  TrainerOptions options = TinyOptions("tt", 4);
  TrainerGroup four(options, 4);
  for (int step = 0; step < 3; ++step) four.TrainStep(step, {TinyBatch(options.shape, step)}, 1e-2);
  std::vector<NamedTensor> weights, moments;
  for (const NamedTensor& tensor : four.Export(true)) {
    (tensor.name.rfind("optimizer.", 0) == 0 ? moments : weights).push_back(tensor);
  }
  EXPECT_EQ(moments.size(), 2 * weights.size());
  options.split = {3, 1};
  TrainerGroup two(options, 2);
  two.Load(weights);
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_TRUE(two.LoadOptimizerState(rank, moments).ok());
  for (int step = 3; step < 6; ++step) {
    const std::vector<TokenBatch> batch = {TinyBatch(options.shape, step)};
    EXPECT_NEAR(two.TrainStep(step, batch, 1e-2).loss, four.TrainStep(step, batch, 1e-2).loss,
                1e-4);
  }
}

TEST(WeightsTest, ARunRestoredAtItsOwnWorldSizeContinuesToTheLastBit) {
  TrainerOptions options = TinyOptions("spp", 2);
  options.dropout = 0.1;
  TrainerGroup first(options, 2);
  for (int step = 0; step < 3; ++step)
    first.TrainStep(step, {TinyBatch(options.shape, step)}, 1e-2);
  std::vector<NamedTensor> weights, moments;
  for (const NamedTensor& tensor : first.Export(true)) {
    (tensor.name.rfind("optimizer.", 0) == 0 ? moments : weights).push_back(tensor);
  }
  TrainerGroup second(options, 2);
  second.Load(weights);
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_TRUE(second.LoadOptimizerState(rank, moments).ok());
  for (int step = 3; step < 6; ++step) {
    const std::vector<TokenBatch> batch = {TinyBatch(options.shape, step)};
    EXPECT_EQ(second.TrainStep(step, batch, 1e-2).loss, first.TrainStep(step, batch, 1e-2).loss);
  }
}

TEST(WeightsTest, OutputBiasesOfParallelBlocksAreWrittenAsZerosAndIgnoredWhenRead) {
  const TrainerOptions options = TinyOptions("p", 2);
  TrainerGroup group(options, 2);
  group.Load(StrongWeights(options.shape));
  const auto exported = group.Export();
  EXPECT_EQ(AsTensor(Find(exported, "h.0.attn.c_proj.bias")).abs().max().item<double>(), 0);
  EXPECT_EQ(AsTensor(Find(exported, "h.0.mlp.c_proj.bias")).abs().max().item<double>(), 0);
  group.Load(exported);
}

TEST(WeightsTest, ASecondNormThatABlockHasNotIsWrittenAsOnesAndZerosAndIgnoredWhenRead) {
  const TrainerOptions options = TinyOptions("g", 2);
  TrainerGroup group(options, 2);
  group.Load(StrongWeights(options.shape));
  const auto exported = group.Export(/*optimizer_state=*/true);
  auto all = [&](const char* name, double value) {
    return (AsTensor(Find(exported, name)) - value).abs().max().item<double>() == 0;
  };
  EXPECT_TRUE(all("h.0.ln_2.weight", 1));
  EXPECT_TRUE(all("h.0.ln_2.bias", 0));
  EXPECT_TRUE(all("optimizer.exp_avg.h.0.ln_2.weight", 0));
  group.Load(group.Export());
}

TEST(WeightsTest, AWrongSetOfTensorsIsRejectedByNameAndChangesNothing) {
  const TrainerOptions options = TinyOptions("ts", 1);
  const auto good = StrongWeights(options.shape);
  TrainerGroup group(options, 1);
  const auto before = group.Export();
  auto rejected = [&](const std::vector<NamedTensor>& tensors) {
    const absl::Status status = group.LoadWeights(0, tensors);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    ExpectSame(group.Export(), before);
    return std::string(status.message());
  };
  auto tensors = good;
  tensors.pop_back();
  EXPECT_THAT(rejected(tensors), HasSubstr("ln_f.bias is missing"));
  tensors = good;
  tensors.push_back({"h.9.ln_1.weight", {16}, std::vector<float>(16)});
  EXPECT_THAT(rejected(tensors), HasSubstr("h.9.ln_1.weight is none of this model's"));
  tensors = good;
  tensors[0].shape = {16, 11};
  EXPECT_THAT(rejected(tensors),
              HasSubstr("wte.weight has shape (16, 11), but the model needs (11, 16)"));
  tensors = good;
  tensors[1].values.pop_back();
  EXPECT_THAT(rejected(tensors), HasSubstr("wpe.weight has 127 values"));
  tensors = good;
  tensors.push_back(good[0]);
  EXPECT_THAT(rejected(tensors), HasSubstr("wte.weight is there twice"));
}

std::vector<absl::Status> CheckAll(TrainerGroup& group, int step) {
  std::vector<absl::Status> status(group.threads().world_size());
  group.threads().Run([&](int rank) { status[rank] = group.trainer(rank).CheckReplicas(step); });
  return status;
}

TEST(ReplicaCheckTest, ReplicasAgreeAfterTrainingEveryPattern) {
  for (const char* pattern : {"tt", "ss", "pp", "tspp", "tgp", "llp", "dd", "t~2*3", "t~1t~3", "t@0.5*2p"}) {
    for (int world_size = 1; world_size <= 4; ++world_size) {
      TrainerOptions options = TinyOptions(pattern, world_size);
      options.dropout = 0.1;
      options.clip_norm = 1;
      TrainerGroup group(options, world_size);
      for (int step = 0; step < 5; ++step)
        group.TrainStep(step, {TinyBatch(options.shape, step)}, 1e-2);
      for (const absl::Status& status : CheckAll(group, 5))
        EXPECT_TRUE(status.ok()) << pattern << " " << status;
    }
  }
}

TEST(ReplicaCheckTest, ADifferenceOfOneBitIsFoundByName) {
  const TrainerOptions options = TinyOptions("ts", 4);
  TrainerGroup group(options, 4);
  auto weights = StrongWeights(options.shape);
  group.Load(weights);
  for (NamedTensor& tensor : weights) {
    if (tensor.name == "h.1.ln_2.weight")
      tensor.values[5] = std::nextafter(tensor.values[5], 10.0f);
  }
  ASSERT_TRUE(group.LoadWeights(2, weights).ok());
  for (const absl::Status& status : CheckAll(group, 40)) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr("h.1.ln_2.weight"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("step=40 ranks=2 "));
  }
}

}  // namespace
}  // namespace edgetp::test
