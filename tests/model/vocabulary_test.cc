// A vocabulary whose rows ranks share against one that every rank has: the same losses, files and
// starts; and the parts of its cross-entropy against LibTorch's.
#include <cmath>

#include "tests/model/model_fixture.h"
#include "worker/model/shared_softmax.h"

namespace edgetp::test {
namespace {

TrainerOptions Shared(TrainerOptions options) {
  options.vocabulary_parallel = true;
  return options;
}

void ExpectSame(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b,
                double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_LE(Difference(AsTensor(a[i]), AsTensor(b[i])), tolerance) << a[i].name;
  }
}

TEST(VocabularyTest, TenStepsAreThoseOfAReplicatedOneToRounding) {
  for (const bool tied : {true, false}) {
    for (int world_size = 2; world_size <= 4; ++world_size) {
      TrainerOptions options = TinyOptions("tsp", world_size);
      options.shape.tied_head = tied;
      options.clip_norm = 0.5;       // acts
      options.adamw.epsilon = 1e-3;  // rounding is not to become steps
      TrainerGroup replicated(options, world_size), shared(Shared(options), world_size);
      const auto weights = StrongWeights(options.shape);
      replicated.Load(weights);
      shared.Load(weights);
      for (int step = 0; step < 10; ++step) {
        const std::vector<TokenBatch> batches = {TinyBatch(options.shape, step)};
        const StepResult want = replicated.TrainStep(step, batches, 1e-2);
        const StepResult got = shared.TrainStep(step, batches, 1e-2);
        EXPECT_NEAR(got.loss, want.loss, 2e-5) << step;
        EXPECT_NEAR(got.gradient_norm, want.gradient_norm, 1e-4 * want.gradient_norm) << step;
      }
      ExpectSame(shared.Export(true), replicated.Export(true), 1e-4);
    }
  }
}

TEST(VocabularyTest, EveryWorldSizeStartsAsTheSameModelAndWritesTheSameFile) {
  TrainerOptions options = TinyOptions("ts", 1);
  options.shape.tied_head = false;
  const auto want = TrainerGroup(options, 1).Export(/*optimizer_state=*/true);
  EXPECT_EQ(want[want.size() / 3 - 1].name, "lm_head.weight");
  for (int world_size = 1; world_size <= 4; ++world_size) {
    options.split = TinyOptions("ts", world_size).split;
    ExpectSame(TrainerGroup(Shared(options), world_size).Export(true), want, 0);
  }
}

TEST(VocabularyTest, ACheckpointGoesOnAtAnotherWorldSizeSharedOrNot) {
  TrainerOptions options = TinyOptions("tt", 3);
  TrainerGroup three(Shared(options), 3);
  for (int step = 0; step < 3; ++step)
    three.TrainStep(step, {TinyBatch(options.shape, step)}, 1e-2);
  std::vector<NamedTensor> weights, moments;
  for (const NamedTensor& tensor : three.Export(true))
    (tensor.name.rfind("optimizer.", 0) == 0 ? moments : weights).push_back(tensor);
  options.split = {};
  TrainerGroup two(Shared(options), 2), one(options, 1);
  for (TrainerGroup* group : {&two, &one}) {
    group->Load(weights);
    for (int rank = 0; rank < group->threads().world_size(); ++rank)
      EXPECT_TRUE(group->LoadOptimizerState(rank, moments).ok());
  }
  for (int step = 3; step < 6; ++step) {
    const std::vector<TokenBatch> batch = {TinyBatch(options.shape, step)};
    const double want = three.TrainStep(step, batch, 1e-2).loss;
    EXPECT_NEAR(two.TrainStep(step, batch, 1e-2).loss, want, 1e-4);
    EXPECT_NEAR(one.TrainStep(step, batch, 1e-2).loss, want, 1e-4);
  }
}

TEST(VocabularyTest, ReplicasAgreeAndARunRepeatsToTheLastBit) {
  TrainerOptions options = Shared(TinyOptions("tspp", 2));
  options.dropout = 0.2;
  TrainerGroup first(options, 2), second(options, 2);
  for (int step = 0; step < 3; ++step) {
    const std::vector<TokenBatch> batch = {TinyBatch(options.shape, step)};
    EXPECT_EQ(first.TrainStep(step, batch, 1e-2).loss, second.TrainStep(step, batch, 1e-2).loss);
  }
  std::vector<absl::Status> status(2);
  first.threads().Run([&](int rank) { status[rank] = first.trainer(rank).CheckReplicas(3); });
  EXPECT_TRUE(status[0].ok()) << status[0];
}

TEST(VocabularyTest, TheFailureOfAnyAllReduceKeepsItsStatus) {
  const TrainerOptions options = Shared(TinyOptions("p", 2));
  // Embedding, block, three of the cross-entropy; head and block backward; gradient sync and norm.
  EXPECT_EQ(ExpectEachFailureEndsTheStep(options), 2 + 3 + 2 + 2);
}

TEST(VocabularyTest, FewerRowsThanRanksAreRefused) {
  TrainerOptions options = Shared(TinyOptions("t", 4));
  options.shape.vocabulary = 3;
  ThreadGroup four(4);
  const absl::Status status = Trainer::Create(options, four.member(0)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("vocabulary=3 cannot be split over workers=4"));
}

TEST(SharedSoftmaxTest, PartsOfTwoRanksMakeTheGradientOfTheWhole) {
  torch::manual_seed(1);
  const int64_t rows = 9, V = 37;
  const Range parts[] = {{0, 20}, {20, 37}};
  const torch::Tensor logits = torch::randn({rows, V}) * 30;  // one rank's are often far below
  const torch::Tensor targets = torch::arange(rows, torch::kLong) * 4;
  for (const bool on_device : {false, true}) {
    const auto take = on_device ? &TakeExponentialsOnDevice : &TakeExponentials;
    const auto finish = on_device ? &ExponentialsToGradientOnDevice : &ExponentialsToGradient;
    torch::Tensor own[2], largest = torch::full({rows}, -1e30), sum = torch::zeros({rows});
    torch::Tensor target = torch::zeros({rows});
    RowParts of[2];
    for (int rank = 0; rank < 2; ++rank) {
      own[rank] = logits.slice(1, parts[rank].begin, parts[rank].end).clone();
      of[rank] = take(own[rank], targets, parts[rank]);
      largest = torch::maximum(largest, of[rank].largest);
      target += of[rank].target;
    }
    for (const RowParts& part : of) sum += part.sum * (part.largest - largest).exp();
    for (int rank = 0; rank < 2; ++rank)
      finish(own[rank], targets, parts[rank], (of[rank].largest - largest).exp() / sum * 0.5, 0.5);
    const torch::Tensor wide = logits.to(torch::kDouble);
    const torch::Tensor want = 0.5 * (wide.softmax(1) - torch::one_hot(targets, V));
    EXPECT_LT(Difference(torch::cat({own[0], own[1]}, 1).to(torch::kDouble), want), 1e-6);
    const torch::Tensor loss = (sum.log() + largest - target).mean();
    EXPECT_NEAR(loss.item<double>(), torch::cross_entropy_loss(wide, targets).item<double>(), 1e-5);
  }
}

}  // namespace
}  // namespace edgetp::test
