// Properties of whole runs: world size does not matter for t, runs repeat, failures keep their
// Status, input is checked.
#include <cmath>

#include "tests/model/model_fixture.h"
#include "worker/model/device.h"

namespace edgetp::test {
namespace {

using testing::HasSubstr;

std::vector<double> Losses(const TrainerOptions& options, int world_size, int steps) {
  TrainerGroup group(options, world_size);
  std::vector<double> losses;
  for (int step = 0; step < steps; ++step) {
    losses.push_back(group.TrainStep(step, {TinyBatch(options.shape, step % 2)}, 1e-2).loss);
  }
  return losses;
}

void ExpectSameCurvesAtEveryWorldSize(const TrainerOptions& options) {
  const auto want = Losses(options, 1, 30);
  EXPECT_LT(want.back(), want.front());
  for (const int world_size : {2, 4}) {
    const auto got = Losses(options, world_size, 30);
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_NEAR(got[i], want[i], 1e-4) << world_size << " step " << i;
  }
}

TEST(TrainingTest, TensorParallelCurvesCoincideAtEveryWorldSize) {
  for (const InitKind init : {InitKind::kGpt2, InitKind::kTorch}) {
    TrainerOptions options = TinyOptions("ttt", 1);
    options.init = init;
    options.clip_norm = 1;
    ExpectSameCurvesAtEveryWorldSize(options);
  }
}

TEST(TrainingTest, SoDoThoseOfLettersThatSumWhatTheyCompute) {
  for (const char* pattern : {"ggg", "lll", "lgt"}) {
    TrainerOptions options = TinyOptions(pattern, 1);
    options.clip_norm = 1;
    ExpectSameCurvesAtEveryWorldSize(options);
  }
}

TEST(TrainingTest, OnOneWorkerLettersThatOnlySplitOtherwiseAreTheDenseModel) {
  auto first_loss = [](const std::string& pattern) {
    const TrainerOptions options = TinyOptions(pattern, 1);
    TrainerGroup group(options, 1);
    group.Load(StrongWeights(options.shape));
    return group.TrainStep(0, {TinyBatch(options.shape, 0)}, 1e-2).loss;
  };
  const double dense = first_loss("ttt");
  for (const char* pattern : {"sss", "ddd", "t~2*3", "t@0.5*3"})
    EXPECT_NEAR(first_loss(pattern), dense, 1e-5) << pattern;
  for (const char* pattern : {"ggg", "lll"})
    EXPECT_GT(std::abs(first_loss(pattern) - dense), 1e-3) << pattern;
}

TEST(TrainingTest, EveryPatternLearns) {
  for (const char* pattern : {"tt", "ss", "sp", "pp", "gg", "ll", "dd", "t~2*2", "t@0.5*2"}) {
    TrainerOptions options = TinyOptions(pattern, 2, false);
    options.init = InitKind::kTorch;
    TrainerGroup group(options, 2);
    const double before = group.Evaluate(TinyBatch(options.shape, 0));
    for (int step = 0; step < 60; ++step)
      group.TrainStep(step, {TinyBatch(options.shape, 0)}, 1e-2);
    EXPECT_LT(group.Evaluate(TinyBatch(options.shape, 0)), 0.3 * before) << pattern;
  }
}

TEST(TrainingTest, ARunRepeatsToTheLastBitDropoutIncluded) {
  for (const char* pattern : {"tspp", "lgdl", "t~2t~2t@0.5t@0.5"}) {
    TrainerOptions options = TinyOptions(pattern, 2);
    options.dropout = 0.2;
    options.clip_norm = 1;
    EXPECT_EQ(Losses(options, 2, 5), Losses(options, 2, 5));
    TrainerOptions other_seed = options;
    other_seed.seed = 2;
    EXPECT_NE(Losses(options, 2, 5), Losses(other_seed, 2, 5));
  }
}

TEST(TrainingTest, TheGradientsNormIsKnownWithoutClippingAndChangesNothing) {
  for (const int world_size : {1, 2}) {
    TrainerOptions options = TinyOptions("tsp", world_size);
    TrainerGroup plain(options, world_size);
    options.clip_norm = 1e9;  // never acts
    TrainerGroup clipping(options, world_size);
    for (int step = 0; step < 3; ++step) {
      const std::vector<TokenBatch> batch = {TinyBatch(options.shape, step)};
      const StepResult without = plain.TrainStep(step, batch, 1e-2);
      const StepResult with = clipping.TrainStep(step, batch, 1e-2);
      EXPECT_GT(without.gradient_norm, 0);
      EXPECT_EQ(without.gradient_norm, with.gradient_norm);
      EXPECT_EQ(without.loss, with.loss);
    }
  }
}

TEST(TrainingTest, AStepAboveTheLimitOfItsNormIsAsIfItHadNotBeen) {
  for (const char* pattern : {"tsp", "lgd"}) {
    TrainerOptions options = TinyOptions(pattern, 2);
    options.clip_norm = 1;
    TrainerGroup guarded(options, 2), plain(options, 2);
    const auto batch = [&](int number) {
      return std::vector<TokenBatch>{TinyBatch(options.shape, number)};
    };
    guarded.TrainStep(0, batch(0), 1e-2);
    plain.TrainStep(0, batch(0), 1e-2);
    UpdateRule strict(1e-2);
    strict.norm_limit = 1e-6;
    const StepResult outlier = guarded.TrainStep(1, batch(1), strict);
    EXPECT_TRUE(outlier.skipped);
    EXPECT_GT(outlier.gradient_norm, 1e-6);
    UpdateRule next(1e-2);
    next.skipped_before = 1;
    next.norm_limit = 1e6;
    const StepResult got = guarded.TrainStep(2, batch(2), next);
    const StepResult want = plain.TrainStep(1, batch(2), 1e-2);
    EXPECT_FALSE(got.skipped);
    EXPECT_EQ(got.loss, want.loss) << pattern;
    EXPECT_EQ(got.gradient_norm, want.gradient_norm);
    const auto exported = guarded.Export(true), wanted = plain.Export(true);
    ASSERT_EQ(exported.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i)
      EXPECT_EQ(exported[i].values, wanted[i].values) << wanted[i].name;
  }
}

void ExpectSameDropoutAtEveryWorldSize(const char* pattern) {
  TrainerOptions options = TinyOptions(pattern, 1);
  options.dropout = 0.3;
  auto weights = StrongWeights(options.shape);
  for (NamedTensor& tensor : weights) {  // without attention, no rank-local dropout has an effect
    if (tensor.name.find("attn.c_proj.weight") != std::string::npos)
      tensor.values.assign(tensor.values.size(), 0);
  }
  std::vector<double> losses;
  for (const int world_size : {1, 2, 4}) {
    TrainerGroup group(options, world_size);
    group.Load(weights);
    losses.push_back(group.TrainStep(3, {TinyBatch(options.shape, 0)}, 0).loss);
  }
  EXPECT_NEAR(losses[1], losses[0], 1e-5) << pattern;
  EXPECT_NEAR(losses[2], losses[0], 1e-5) << pattern;
}

TEST(TrainingTest, DropoutOnTheReplicatedStreamIsTheSameAtEveryWorldSize) {
  for (const char* pattern : {"tt", "gg", "ll", "lt"}) ExpectSameDropoutAtEveryWorldSize(pattern);
}

TEST(TrainingTest, DelayedPartsHaveTheMasksOfWhatIsNotDelayed) {
  auto loss = [](const char* pattern) {
    TrainerOptions options = TinyOptions(pattern, 1);
    options.dropout = 0.3;
    TrainerGroup group(options, 1);
    group.Load(StrongWeights(options.shape));
    return group.TrainStep(3, {TinyBatch(options.shape, 0)}, 0).loss;
  };
  EXPECT_NEAR(loss("t~3*2"), loss("t*2"), 1e-5);
}

TEST(TrainingTest, DropoutIsOffInEvaluation) {
  TrainerOptions options = TinyOptions("tsp", 2);
  const auto weights = StrongWeights(options.shape);
  TrainerGroup plain(options, 2);
  plain.Load(weights);
  options.dropout = 0.5;
  TrainerGroup dropping(options, 2);
  dropping.Load(weights);
  const TokenBatch batch = TinyBatch(options.shape, 1);
  EXPECT_EQ(plain.Evaluate(batch), dropping.Evaluate(batch));
  EXPECT_NE(plain.TrainStep(0, {batch}, 0).loss, dropping.TrainStep(0, {batch}, 0).loss);
}

void ExpectEveryFailureToKeepItsStatus(const char* pattern, int want_count) {
  TrainerOptions options = TinyOptions(pattern, 2);
  options.clip_norm = 1;
  EXPECT_EQ(ExpectEachFailureEndsTheStep(options), want_count);
}

TEST(FailureTest, TheFailureOfAnyAllReduceKeepsItsStatusAndEndsTheOtherRanks) {
  // t 2, s 1, pp 1; as many backward; gradient sync and clip.
  ExpectEveryFailureToKeepItsStatus("tspp", 4 + 4 + 2);
}

TEST(FailureTest, SoDoesThatOfAnyStartAndOfAnyWait) {
  // l and t~3 start 2 sums and wait for 2; t@0.5 sums 2 and merges.
  ExpectEveryFailureToKeepItsStatus("llt~3t@0.5", 2 * (3 * 4 + 3) + 2);
}

TEST(FailureTest, BadOptionsAreRejectedByName) {
  ThreadGroup alone(1);
  auto message = [&](const TrainerOptions& options) {
    const auto trainer = Trainer::Create(options, alone.member(0));
    EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(trainer.status().message());
  };
  TrainerOptions options = TinyOptions("tt", 1);
  options.shape.channels = 18;
  EXPECT_THAT(message(options), HasSubstr("channels=18"));
  options = TinyOptions("tt", 1);
  options.shape.layers = 3;
  EXPECT_THAT(message(options), HasSubstr("layers=3"));
  options = TinyOptions("tt", 1);
  options.dropout = 1;
  EXPECT_THAT(message(options), HasSubstr("dropout=1"));
  options = TinyOptions("tt", 1);
  options.device = "gpu";
  EXPECT_THAT(message(options), HasSubstr("\"gpu\" is not on this host: it has cpu"));
  options.device = "cuda:99";
  EXPECT_THAT(message(options), HasSubstr("cuda:99"));
}

TEST(FailureTest, ATokenOutsideTheVocabularyIsRejected) {
  const TrainerOptions options = TinyOptions("t", 1);
  TrainerGroup group(options, 1);
  TokenBatch batch = TinyBatch(options.shape, 0);
  batch.targets[3] = 11;
  const auto result = group.trainer(0).TrainStep(0, {batch}, 1e-3);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("target 3 is token 11"));
  EXPECT_FALSE(group.trainer(0).NextTokenLogits({}).ok());
  EXPECT_FALSE(group.trainer(0).TrainStep(0, {}, 1e-3).ok());
}

TEST(GemmSpeedTest, DividesTheWorkByTheTimeItIsGiven) {
  double now = 0;
  EXPECT_NEAR(MeasureGemmGflops([&] { return now += 0.5; }), 2 * 512.0 * 512 * 512 / 0.5 * 1e-9,
              1e-9);
}

// Master weights and sums are fp32: what differs is the rounding of products' inputs and results.
TEST(TrainingTest, Bf16ProductsTrainAlmostTheSameOrAreRefused) {
  TrainerOptions options = TinyOptions("ts", 2);
  options.recompute = true;
  options.clip_norm = 1;
  TrainerGroup exact(options, 2);
  options.precision = Precision::kBf16;
  if (!PrecisionFault(options.precision, ProductUnitsOf(options.device)).empty()) {
    ThreadGroup threads(2);
    const auto trainer = Trainer::Create(options, threads.member(0));
    EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(trainer.status().message()), HasSubstr("no fast bf16 products"));
    return;
  }
  TrainerGroup rounded(options, 2);
  for (TrainerGroup* group : {&exact, &rounded}) group->Load(StrongWeights(options.shape));
  bool differs = false;
  for (int step = 0; step < 10; ++step) {
    const std::vector<TokenBatch> batches = {TinyBatch(options.shape, step % 2)};
    const StepResult want = exact.TrainStep(step, batches, 1e-2);
    const StepResult got = rounded.TrainStep(step, batches, 1e-2);
    EXPECT_NEAR(got.loss, want.loss, 0.02 * want.loss) << step;
    EXPECT_NEAR(got.gradient_norm, want.gradient_norm, 0.05 * want.gradient_norm) << step;
    differs = differs || got.loss != want.loss;
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace edgetp::test
