// Replicas of the whole model: `data` is the single process with the batches of all ranks, `local`
// is plain DiLoCo; both exchange what their plans say, and end with the same bits everywhere.
#include "absl/strings/str_cat.h"
#include "common/plan/data_parallel.h"
#include "tests/model/diloco_reference.h"
#include "tests/model/model_fixture.h"
#include "tests/model/reference.h"

namespace edgetp::test {
namespace {

using testing::HasSubstr;

TrainerOptions ReplicaOptionsOf(Replicas exchange, bool biases = true) {
  TrainerOptions options = TinyOptions("tt", 1, biases);
  options.replicas.exchange = exchange;
  options.replicas.bucket_bytes = 4 * 700;  // a stage has 1120 or 2160 elements
  // See equivalence_test: where a gradient is only rounding, Adam would make a step of it.
  options.adamw.epsilon = 1e-3;
  return options;
}

// Micro-batch `number` as rank `rank` has it; two sequences.
TokenBatch PartOf(const ModelShape& shape, int number, int rank) {
  return TinyBatch(shape, 10 * number + rank);
}

// The same of all ranks: what a single process reads.
TokenBatch WholeOf(const ModelShape& shape, int number, int world_size) {
  TokenBatch whole{.sequence = shape.sequence};
  for (int rank = 0; rank < world_size; ++rank) {
    const TokenBatch part = PartOf(shape, number, rank);
    whole.batch += part.batch;
    whole.inputs.insert(whole.inputs.end(), part.inputs.begin(), part.inputs.end());
    whole.targets.insert(whole.targets.end(), part.targets.begin(), part.targets.end());
  }
  return whole;
}

constexpr int kMicroBatches = 2;

std::vector<TokenBatch> PartsOf(const ModelShape& shape, int step, int rank) {
  return {PartOf(shape, kMicroBatches * step, rank), PartOf(shape, kMicroBatches * step + 1, rank)};
}

std::vector<TokenBatch> WholesOf(const ModelShape& shape, int step, int world_size) {
  return {WholeOf(shape, kMicroBatches * step, world_size),
          WholeOf(shape, kMicroBatches * step + 1, world_size)};
}

// A trainer on each rank of a ThreadGroup, fed with its own part.
class ReplicaGroup {
 public:
  ReplicaGroup(const TrainerOptions& options, int world_size)
      : options_(options), group_(options, world_size) {}

  TrainerGroup& trainers() { return group_; }
  ThreadGroup& threads() { return group_.threads(); }
  int world_size() { return threads().world_size(); }

  // Loss: mean over ranks; norm: rank 0's.
  StepResult TrainStep(int step, double learning_rate, bool outer = false) {
    std::vector<absl::StatusOr<StepResult>> results(world_size());
    threads().Run([&](int rank) {
      Trainer& trainer = group_.trainer(rank);
      results[rank] = trainer.TrainStep(step, PartsOf(options_.shape, step, rank), learning_rate);
      if (!outer || !results[rank].ok()) return;
      if (const absl::Status status = trainer.OuterStep(); !status.ok()) results[rank] = status;
    });
    StepResult mean{.gradient_norm = results[0].value().gradient_norm};
    for (const auto& result : results) mean.loss += result.value().loss / world_size();
    return mean;
  }

  absl::Status CheckReplicas() {
    std::vector<absl::Status> status(world_size());
    threads().Run([&](int rank) { status[rank] = group_.trainer(rank).CheckReplicas(0); });
    for (const absl::Status& each : status) EXPECT_EQ(each, status[0]);
    return status[0];
  }

 private:
  const TrainerOptions options_;
  TrainerGroup group_;
};

void ExpectWeights(const std::vector<NamedTensor>& got,
                   const std::map<std::string, torch::Tensor>& want, double error) {
  for (const NamedTensor& named : got)
    EXPECT_LT(Difference(AsTensor(named), want.at(named.name)), error) << named.name;
}

PlanOptions PlanOf(const TrainerOptions& options, int world_size) {
  return {.shape = options.shape,
          .pattern = options.pattern,
          .world_size = world_size,
          .batch = 2,
          .micro_batches = kMicroBatches};
}

class DataTest : public testing::TestWithParam<std::tuple<int, bool, bool>> {
 protected:
  DataTest() : options_(ReplicaOptionsOf(Replicas::kGradients, std::get<1>(GetParam()))) {
    options_.shape.tied_head = std::get<2>(GetParam());
    options_.clip_norm = 0.5;  // below the norms that occur
    weights_ = StrongWeights(options_.shape);
    group_ = std::make_unique<ReplicaGroup>(options_, world_size_);
    group_->trainers().Load(weights_);
    reference_ = std::make_unique<Reference>(options_, 1, weights_);
  }

  const int world_size_ = std::get<0>(GetParam());
  TrainerOptions options_;
  std::vector<NamedTensor> weights_;
  std::unique_ptr<ReplicaGroup> group_;
  std::unique_ptr<Reference> reference_;
};

TEST_P(DataTest, LossAndEveryGradientAreThoseOfTheSingleProcess) {
  const StepResult got = group_->TrainStep(0, 1e-3);
  const StepResult want = reference_->TrainStep(0, WholesOf(options_.shape, 0, world_size_), 1e-3);
  EXPECT_NEAR(got.loss, want.loss, 1e-5);
  EXPECT_NEAR(got.gradient_norm, want.gradient_norm, 1e-5 * want.gradient_norm);
  const auto first = group_->trainers().trainer(0).LocalGradients();
  for (int rank = 0; rank < world_size_; ++rank) {
    const auto gradients = group_->trainers().trainer(rank).LocalGradients();
    ASSERT_TRUE(gradients.ok()) << gradients.status();
    ASSERT_EQ(gradients->size(), reference_->gradients().size());
    for (size_t i = 0; i < gradients->size(); ++i) {
      const NamedTensor& named = (*gradients)[i];
      EXPECT_EQ(named.values, (*first)[i].values) << named.name << " on rank " << rank;
      const torch::Tensor& gradient = reference_->gradients().at(named.name);
      const double scale = std::max(0.1, gradient.abs().max().item<double>());
      EXPECT_LT(Difference(AsTensor(named), gradient), 1e-5 * scale) << named.name;
    }
  }
}

TEST_P(DataTest, TenStepsWithClippingEndAtTheSameWeights) {
  for (int step = 0; step < 10; ++step) {
    const StepResult got = group_->TrainStep(step, 1e-2);
    const StepResult want =
        reference_->TrainStep(step, WholesOf(options_.shape, step, world_size_), 1e-2);
    ASSERT_NEAR(got.loss, want.loss, 5e-5) << step;
    ASSERT_NEAR(got.gradient_norm, want.gradient_norm, 2e-4 * want.gradient_norm) << step;
  }
  EXPECT_EQ(group_->CheckReplicas(), absl::OkStatus());
  ExpectWeights(group_->trainers().Export(), reference_->weights(), 1e-4);
}

TEST_P(DataTest, TheExchangeIsThatOfThePlanAndNothingElseIsExchanged) {
  for (const int64_t bucket_bytes : {int64_t{4 * 300}, int64_t{4 * 700}, int64_t{1} << 20}) {
    options_.replicas.bucket_bytes = bucket_bytes;
    ReplicaGroup group(options_, world_size_);
    group.TrainStep(0, 1e-3);
    ExpectPlanned(BuildDataPlan(PlanOf(options_, world_size_), bucket_bytes),
                  group.threads().log());
    group.threads().ClearLog();
    group.trainers().Evaluate(TinyBatch(options_.shape, 0));
    group.trainers().NextTokenLogits({3, 1, 4, 1, 5});
    group.trainers().Export(/*optimizer_state=*/true);
    EXPECT_TRUE(group.threads().log().empty()) << "a replica has all of it";
  }
}

INSTANTIATE_TEST_SUITE_P(WorldSizes, DataTest,
                         testing::Combine(testing::Values(1, 2, 3, 4), testing::Bool(),
                                          testing::Bool()));

TEST(DataTrainingTest, DropoutHasTheMasksOfTheSingleProcess) {
  TrainerOptions options = ReplicaOptionsOf(Replicas::kGradients);
  options.dropout = 0.3;
  ReplicaGroup group(options, 3);
  TrainerOptions single = options;
  single.replicas = {};
  TrainerGroup alone(single, 1);
  for (int step = 0; step < 5; ++step) {
    const StepResult want = alone.TrainStep(step, WholesOf(options.shape, step, 3), 1e-2);
    EXPECT_NEAR(group.TrainStep(step, 1e-2).loss, want.loss, 1e-5) << step;
  }
}

TEST(DataTrainingTest, BucketsOfAnySizeGiveTheSameBits) {
  const auto losses = [](int64_t bucket_bytes) {
    TrainerOptions options = ReplicaOptionsOf(Replicas::kGradients);
    options.replicas.bucket_bytes = bucket_bytes;
    ReplicaGroup group(options, 2);
    std::vector<double> losses;
    for (int step = 0; step < 4; ++step) losses.push_back(group.TrainStep(step, 1e-2).loss);
    return losses;
  };
  const std::vector<double> want = losses(1 << 20);
  EXPECT_EQ(losses(4 * 64), want);
  EXPECT_EQ(losses(4 * 1120), want);
}

TEST(DataTrainingTest, TheFailureOfAnyStartAndOfAnyWaitKeepsItsStatusAndEndsTheOtherRanks) {
  TrainerOptions options = ReplicaOptionsOf(Replicas::kGradients);
  options.replicas.bucket_bytes = 4 * 2000;
  // Four starts and four waits. When all sums have started, the other rank can end its step: nothing
  // follows in which it would meet this one.
  EXPECT_EQ(ExpectEachFailureEndsTheStep(options, /*needed=*/4), 2 * 4);
}

TEST(DataTrainingTest, ACheckpointFitsEveryOtherWayToTrain) {
  const TrainerOptions options = ReplicaOptionsOf(Replicas::kGradients);
  ReplicaGroup data(options, 2);
  for (int step = 0; step < 3; ++step) data.TrainStep(step, 1e-2);
  const std::vector<NamedTensor> file = data.trainers().Export(/*optimizer_state=*/true);
  TrainerOptions tensor = options;
  tensor.replicas = {};
  TrainerGroup shared(tensor, 2);
  std::vector<NamedTensor> weights, moments;
  for (const NamedTensor& named : file)
    (named.name.rfind("optimizer.", 0) == 0 ? moments : weights).push_back(named);
  shared.Load(weights);
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_EQ(shared.LoadOptimizerState(rank, moments), absl::OkStatus());
  // The next step of both, on the same sequences.
  const StepResult want = data.TrainStep(3, 1e-2);
  EXPECT_NEAR(shared.TrainStep(3, WholesOf(options.shape, 3, 2), 1e-2).loss, want.loss, 1e-5);
  data.TrainStep(4, 1e-2);
  shared.TrainStep(4, WholesOf(options.shape, 4, 2), 1e-2);
  const auto got = shared.Export(), wanted = data.trainers().Export();
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_LT(Difference(AsTensor(got[i]), AsTensor(wanted[i])), 1e-4) << got[i].name;
}

TEST(DataTrainingTest, OtherLettersAndSharesAreRefused) {
  ThreadGroup threads(2);
  TrainerOptions options = ReplicaOptionsOf(Replicas::kGradients);
  options.pattern = *Pattern::Parse("ts", 0);
  EXPECT_THAT(std::string(Trainer::Create(options, threads.member(0)).status().message()),
              HasSubstr("a replica has blocks of t alone"));
  options = ReplicaOptionsOf(Replicas::kWeights);
  options.vocabulary_parallel = true;
  EXPECT_FALSE(Trainer::Create(options, threads.member(0)).ok());
}

class LocalTest : public testing::TestWithParam<int> {
 protected:
  LocalTest() : options_(ReplicaOptionsOf(Replicas::kWeights)) {
    options_.replicas.inner_steps = 3;
    options_.clip_norm = 0.5;
  }

  std::vector<std::vector<TokenBatch>> Parts(int step) const {
    std::vector<std::vector<TokenBatch>> parts;
    for (int rank = 0; rank < world_size_; ++rank)
      parts.push_back(PartsOf(options_.shape, step, rank));
    return parts;
  }
  bool IsOuter(int step) const { return (step + 1) % options_.replicas.inner_steps == 0; }

  const int world_size_ = GetParam();
  TrainerOptions options_;
};

TEST_P(LocalTest, TwelveStepsAreThoseOfPlainDiLoCo) {
  const std::vector<NamedTensor> weights = StrongWeights(options_.shape);
  ReplicaGroup group(options_, world_size_);
  group.trainers().Load(weights);
  DiLoCoReference reference(options_, world_size_, weights);
  for (int step = 0; step < 12; ++step) {
    const double want = reference.InnerStep(step, Parts(step), 1e-2);
    ASSERT_NEAR(group.TrainStep(step, 1e-2, IsOuter(step)).loss, want, 5e-5) << step;
    if (!IsOuter(step)) continue;
    reference.OuterStep();
    ExpectWeights(group.trainers().Export(), reference.weights(0), 1e-4);
    EXPECT_EQ(group.CheckReplicas(), absl::OkStatus()) << step;
  }
}

TEST_P(LocalTest, BetweenExchangesNothingTravelsAndReplicasDiffer) {
  ReplicaGroup group(options_, world_size_);
  group.TrainStep(0, 1e-2);
  EXPECT_TRUE(group.threads().log().empty());
  if (world_size_ > 1) {
    EXPECT_THAT(std::string(group.CheckReplicas().message()), HasSubstr("differs between ranks"));
  }
  group.threads().ClearLog();
  group.TrainStep(1, 1e-2, /*outer=*/true);
  ExpectPlanned(BuildLocalPlans(PlanOf(options_, world_size_)).value().outer,
                group.threads().log());
}

TEST_P(LocalTest, WithRateOneAndWithoutMomentumAnExchangeAverages) {
  options_.replicas.outer_learning_rate = 1;
  options_.replicas.outer_momentum = 0;
  ReplicaGroup group(options_, world_size_);
  // The replicas by themselves.
  std::map<std::string, torch::Tensor> mean;
  for (int rank = 0; rank < world_size_; ++rank) {
    TrainerOptions single = options_;
    single.replicas = {};
    TrainerGroup alone(single, 1);
    alone.TrainStep(0, PartsOf(options_.shape, 0, rank), 1e-2);
    for (const NamedTensor& named : alone.Export()) {
      torch::Tensor& sum = mean[named.name];
      sum = sum.defined() ? sum + AsTensor(named) / world_size_ : AsTensor(named) / world_size_;
    }
  }
  group.TrainStep(0, 1e-2, /*outer=*/true);
  ExpectWeights(group.trainers().Export(), mean, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(WorldSizes, LocalTest, testing::Values(1, 2, 3, 4));

TEST(LocalTrainingTest, ACheckpointKeepsTheOuterMomentum) {
  TrainerOptions options = ReplicaOptionsOf(Replicas::kWeights);
  ReplicaGroup whole(options, 1);
  for (int step = 0; step < 4; ++step) whole.TrainStep(step, 1e-2, /*outer=*/step % 2 == 1);
  std::vector<NamedTensor> weights, state;
  int outer = 0;
  for (const NamedTensor& named : whole.trainers().Export(/*optimizer_state=*/true)) {
    if (named.name.rfind("optimizer.outer_momentum.", 0) == 0) ++outer;
    (named.name.rfind("optimizer.", 0) == 0 ? state : weights).push_back(named);
  }
  EXPECT_EQ(outer, static_cast<int>(weights.size()));
  ReplicaGroup resumed(options, 1);
  resumed.trainers().Load(weights);
  EXPECT_EQ(resumed.trainers().LoadOptimizerState(0, state), absl::OkStatus());
  for (int step = 4; step < 8; ++step) {
    EXPECT_EQ(resumed.TrainStep(step, 1e-2, step % 2 == 1).loss,
              whole.TrainStep(step, 1e-2, step % 2 == 1).loss);
  }
  // Who has no outer optimizer leaves it alone; who finds none begins without.
  TrainerOptions data = options;
  data.replicas.exchange = Replicas::kGradients;
  ReplicaGroup other(data, 1);
  EXPECT_EQ(other.trainers().LoadOptimizerState(0, state), absl::OkStatus());
  std::vector<NamedTensor> moments;
  for (const NamedTensor& named : other.trainers().Export(/*optimizer_state=*/true)) {
    if (named.name.rfind("optimizer.", 0) == 0) moments.push_back(named);
  }
  EXPECT_EQ(resumed.trainers().LoadOptimizerState(0, moments), absl::OkStatus());
}

// Between two exchanges each of them has gone its own way.
TEST(LocalTrainingTest, ACheckpointKeepsTheMomentsOfEveryReplica) {
  const TrainerOptions options = ReplicaOptionsOf(Replicas::kWeights);
  ReplicaGroup whole(options, 2);
  for (int step = 0; step < 4; ++step) whole.TrainStep(step, 1e-2, /*outer=*/step % 2 == 1);
  std::vector<NamedTensor> weights, state;
  for (const NamedTensor& named : whole.trainers().Export(/*optimizer_state=*/true))
    (named.name.rfind("optimizer.", 0) == 0 ? state : weights).push_back(named);
  ReplicaGroup resumed(options, 2);
  resumed.trainers().Load(weights);
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_EQ(resumed.trainers().LoadOptimizerState(rank, state), absl::OkStatus());
  for (int step = 4; step < 8; ++step) {
    whole.TrainStep(step, 1e-2, step % 2 == 1);
    resumed.TrainStep(step, 1e-2, step % 2 == 1);
  }
  const std::vector<NamedTensor> want = whole.trainers().Export(true);
  const std::vector<NamedTensor> got = resumed.trainers().Export(true);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].values, want[i].values) << want[i].name;
}

TEST(LocalTrainingTest, AFailedExchangeKeepsItsStatus) {
  const TrainerOptions options = ReplicaOptionsOf(Replicas::kWeights);
  const absl::Status cause = absl::DataLossError("segment 3 has a wrong size");
  TrainerGroup group(options, 2);
  group.threads().FailAt(1, 0, cause);
  std::vector<absl::Status> status(2);
  group.threads().Run([&](int rank) { status[rank] = group.trainer(rank).OuterStep(); });
  EXPECT_EQ(status[1], cause);
  EXPECT_EQ(status[0].code(), absl::StatusCode::kAborted);
}

TEST(LocalTrainingTest, RanksWithOneModelHaveNoOuterStep) {
  TrainerGroup group(TinyOptions("tt", 2), 2);
  EXPECT_EQ(group.trainer(0).OuterStep().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace edgetp::test
