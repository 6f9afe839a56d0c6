// Recomputation changes no bit and no collective. What is under way is NaN until it is waited for, as
// in the tests of overlap.
#include "common/plan/step_plan.h"
#include "tests/model/model_fixture.h"

namespace edgetp::test {
namespace {

struct RecomputeCase {
  const char* pattern = "";
  int world_size = 1;
  double dropout = 0;
  const char* overlap = "NONE";
  bool biases = true;
  bool shares_vocabulary = false;
  MergeKind merge = MergeKind::kSumLast;
};

void PrintTo(const RecomputeCase& c, std::ostream* out) {
  *out << c.pattern << " P=" << c.world_size << " dropout=" << c.dropout << " " << c.overlap
       << (c.biases ? " biases" : "") << (c.shares_vocabulary ? " shared vocabulary" : "")
       << " merge=" << static_cast<int>(c.merge);
}

std::vector<RecomputeCase> AllRecomputeCases() {
  std::vector<RecomputeCase> cases;
  for (const char* pattern : {"tt", "ss", "ppp", "pptp", "gd", "ll", "lll", "t~1t~1", "t~2t~2t~2",
                              "t~6*3", "t@0.5t@0.5", "tllt~1sgp", "lt@0.25d"}) {
    for (RecomputeCase c :
         {RecomputeCase{.world_size = 1}, RecomputeCase{.world_size = 2},
          RecomputeCase{.world_size = 2, .dropout = 0.2, .biases = false},
          RecomputeCase{.world_size = 3, .dropout = 0.2, .shares_vocabulary = true},
          RecomputeCase{.world_size = 2, .overlap = "DW"},
          RecomputeCase{.world_size = 4, .merge = MergeKind::kSum}}) {
      c.pattern = pattern;
      cases.push_back(c);
    }
  }
  return cases;
}

class RecomputeTest : public testing::TestWithParam<RecomputeCase> {
 protected:
  TrainerOptions Options(bool recompute) const {
    TrainerOptions options =
        TinyOptions(GetParam().pattern, GetParam().world_size, GetParam().biases);
    options.dropout = GetParam().dropout;
    options.vocabulary_parallel = GetParam().shares_vocabulary;
    options.merge = GetParam().merge;
    options.overlap = *Overlap::Parse(GetParam().overlap);
    options.clip_norm = 0.5;
    options.adamw.epsilon = 1e-3;  // as in the tests of equivalence
    options.recompute = recompute;
    return options;
  }

  std::unique_ptr<TrainerGroup> MakeGroup(bool recompute) const {
    const TrainerOptions options = Options(recompute);
    auto group = std::make_unique<TrainerGroup>(options, GetParam().world_size);
    group->Load(StrongWeights(options.shape));
    return group;
  }

  std::vector<TokenBatch> MicroBatches(int step) const {
    const ModelShape shape = Options(false).shape;
    return {TinyBatch(shape, 2 * step), TinyBatch(shape, 2 * step + 1)};
  }
};

TEST_P(RecomputeTest, LossesGradientsAndWeightsHaveTheSameBits) {
  const auto plain = MakeGroup(false), again = MakeGroup(true);
  for (int step = 0; step < 4; ++step) {
    const StepResult want = plain->TrainStep(step, MicroBatches(step), 1e-2);
    const StepResult got = again->TrainStep(step, MicroBatches(step), 1e-2);
    ASSERT_EQ(got.loss, want.loss) << step;
    ASSERT_EQ(got.gradient_norm, want.gradient_norm) << step;
    for (int rank = 0; rank < GetParam().world_size; ++rank) {
      const auto wanted = *plain->trainer(rank).LocalGradients();
      const auto gotten = *again->trainer(rank).LocalGradients();
      for (size_t i = 0; i < wanted.size(); ++i)
        ASSERT_EQ(gotten[i].values, wanted[i].values) << wanted[i].name << " step " << step;
    }
  }
  const auto want = plain->Export(), got = again->Export();
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].values, want[i].values) << want[i].name;
}

TEST_P(RecomputeTest, TheCollectivesAreThoseOfThePlan) {
  const TrainerOptions options = Options(true);
  const PlanOptions plan_options{.shape = options.shape,
                                 .pattern = options.pattern,
                                 .world_size = GetParam().world_size,
                                 .split = options.split,
                                 .vocabulary_parallel = options.vocabulary_parallel,
                                 .batch = 2,
                                 .micro_batches = 2,
                                 .overlap = options.overlap,
                                 .recompute = Recompute::kStages};
  const auto group = MakeGroup(true);
  group->threads().ClearLog();
  group->TrainStep(0, MicroBatches(0), 1e-3);
  ExpectPlanned(BuildStepPlan(plan_options), group->threads().log());
}

INSTANTIATE_TEST_SUITE_P(Patterns, RecomputeTest, testing::ValuesIn(AllRecomputeCases()));

class RecomputeFailureTest : public testing::TestWithParam<const char*> {};

TEST_P(RecomputeFailureTest, TheFailureOfAnyCallKeepsItsStatusAndEndsTheOtherRanks) {
  TrainerOptions options = TinyOptions(GetParam(), 2);
  options.recompute = true;
  EXPECT_GT(ExpectEachFailureEndsTheStep(options), 0);
}

INSTANTIATE_TEST_SUITE_P(Patterns, RecomputeFailureTest, testing::Values("tspp", "lt~1t~1"));

TEST(RecomputeInputTest, GroupsOfRowsAreRefused) {
  TrainerOptions options = TinyOptions("t", 2);
  options.recompute = true;
  options.overlap = *Overlap::Parse("ROWS(2)");
  ThreadGroup threads(1);
  const auto trainer = Trainer::Create(options, threads.member(0));
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(trainer.status().message()), testing::HasSubstr("ROWS"));
}

}  // namespace
}  // namespace edgetp::test
