// Overlap: what runs under compute changes no result. What is under way is NaN until it is waited
// for, so that whoever uses it too early shows.
#include "common/plan/step_plan.h"
#include "tests/model/model_fixture.h"
#include "tests/model/reference.h"

namespace edgetp::test {
namespace {

struct Case {
  const char* pattern;
  int world_size;
  bool biases;
  int micro_batches;
  double dropout;
  bool shares_vocabulary = false;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.pattern << " P=" << c.world_size << (c.biases ? " biases" : "")
       << " micro-batches=" << c.micro_batches << " dropout=" << c.dropout
       << (c.shares_vocabulary ? " shared vocabulary" : "");
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const char* pattern : {"tt", "ss", "p", "tspp", "pptp", "gd", "ll", "t~2t~2", "t@0.5t@0.5",
                              "tllt~1sgp", "lt@0.25d"}) {
    for (const Case& c :
         {Case{"", 1, true, 2, 0}, Case{"", 2, true, 2, 0}, Case{"", 2, false, 1, 0},
          Case{"", 2, true, 1, 0.2}, Case{"", 3, true, 1, 0}, Case{"", 3, true, 1, 0.2, true},
          Case{"", 4, true, 1, 0.2}}) {
      cases.push_back(c);
      cases.back().pattern = pattern;
    }
  }
  return cases;
}

class OverlapTest : public testing::TestWithParam<Case> {
 protected:
  TrainerOptions Options(const std::string& overlap) const {
    TrainerOptions options =
        TinyOptions(GetParam().pattern, GetParam().world_size, GetParam().biases);
    options.dropout = GetParam().dropout;
    options.vocabulary_parallel = GetParam().shares_vocabulary;
    options.clip_norm = 0.5;
    options.adamw.epsilon = 1e-3;  // as in the tests of equivalence
    options.overlap = *Overlap::Parse(overlap);
    return options;
  }

  std::vector<TokenBatch> MicroBatches(const TrainerOptions& options, int step) const {
    std::vector<TokenBatch> batches;
    for (int i = 0; i < GetParam().micro_batches; ++i)
      batches.push_back(TinyBatch(options.shape, 2 * step + i));
    return batches;
  }

  // A group that starts from the same strong weights.
  std::unique_ptr<TrainerGroup> MakeGroup(const TrainerOptions& options) const {
    auto group = std::make_unique<TrainerGroup>(options, GetParam().world_size);
    group->Load(StrongWeights(options.shape));
    return group;
  }

  std::vector<NamedTensor> Gradients(TrainerGroup& group, int rank) const {
    auto gradients = group.trainer(rank).LocalGradients();
    EXPECT_TRUE(gradients.ok()) << gradients.status();
    return *std::move(gradients);
  }
};

TEST_P(OverlapTest, DwGivesTheSameBits) {
  const TrainerOptions options = Options("NONE");
  const auto plain = MakeGroup(options), overlapped = MakeGroup(Options("DW"));
  for (int step = 0; step < 10; ++step) {
    const auto batches = MicroBatches(options, step);
    const StepResult want = plain->TrainStep(step, batches, 1e-2);
    const StepResult got = overlapped->TrainStep(step, batches, 1e-2);
    ASSERT_EQ(got.loss, want.loss) << step;
    ASSERT_EQ(got.gradient_norm, want.gradient_norm) << step;
    for (int rank = 0; rank < GetParam().world_size; ++rank) {
      const auto wanted = Gradients(*plain, rank), gotten = Gradients(*overlapped, rank);
      for (size_t i = 0; i < wanted.size(); ++i)
        ASSERT_EQ(gotten[i].values, wanted[i].values) << wanted[i].name << " step " << step;
    }
  }
  const auto want = plain->Export(), got = overlapped->Export();
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].values, want[i].values) << want[i].name;
}

// B = `rows`, different for each number.
TokenBatch BatchOf(const ModelShape& shape, int rows, int number) {
  TokenBatch batch{.batch = rows, .sequence = shape.sequence};
  for (int i = 0; i < rows * shape.sequence; ++i) {
    batch.inputs.push_back((i * 5 + number * 3 + i / 7) % shape.vocabulary);
    batch.targets.push_back((i * i + number + 1) % shape.vocabulary);
  }
  return batch;
}

// Groups of one sequence, of several, and of different lengths.
constexpr std::pair<const char*, int> kRows[] = {
    {"ROWS(2)", 2}, {"ROWS(2)", 5}, {"ROWS(3)", 3}, {"ROWS(3)", 8}};

TEST_P(OverlapTest, RowsGiveTheResultWithoutThemToRounding) {
  for (const auto& [overlap, rows] : kRows) {
    const TrainerOptions options = Options("NONE");
    const auto plain = MakeGroup(options), overlapped = MakeGroup(Options(overlap));
    for (int step = 0; step < 3; ++step) {
      std::vector<TokenBatch> batches;
      for (int i = 0; i < GetParam().micro_batches; ++i)
        batches.push_back(BatchOf(options.shape, rows, 2 * step + i));
      const StepResult want = plain->TrainStep(step, batches, 1e-2);
      const StepResult got = overlapped->TrainStep(step, batches, 1e-2);
      ASSERT_NEAR(got.loss, want.loss, 1e-5) << overlap << " step " << step;
      ASSERT_NEAR(got.gradient_norm, want.gradient_norm, 1e-4 * want.gradient_norm)
          << overlap << " step " << step;
    }
    const auto want = plain->Export(), got = overlapped->Export();
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_LT(Difference(AsTensor(got[i]), AsTensor(want[i])), 2e-5)
          << overlap << " " << want[i].name;
    }
    EXPECT_NEAR(overlapped->Evaluate(TinyBatch(options.shape, 0)),
                plain->Evaluate(TinyBatch(options.shape, 0)), 1e-5);
  }
}

TEST_P(OverlapTest, RowsGiveTheLossOfTheReference) {
  if (GetParam().dropout > 0) return;
  for (const auto& [overlap, rows] : kRows) {
    const TrainerOptions options = Options(overlap);
    Reference reference(options, GetParam().world_size, StrongWeights(options.shape));
    const auto group = MakeGroup(options);
    const TokenBatch batch = BatchOf(options.shape, rows, 0);
    const StepResult want = reference.TrainStep(0, {batch}, 1e-3);
    const StepResult got = group->TrainStep(0, {batch}, 1e-3);
    EXPECT_NEAR(got.loss, want.loss, 1e-5) << overlap;
    EXPECT_NEAR(got.gradient_norm, want.gradient_norm, 1e-5 * want.gradient_norm) << overlap;
  }
}

TEST_P(OverlapTest, StartsAndWaitsAreThoseOfThePlan) {
  for (const char* overlap : {"NONE", "DW", "ROWS(2)"}) {
    SCOPED_TRACE(overlap);
    const TrainerOptions options = Options(overlap);
    const PlanOptions plan_options{.shape = options.shape,
                                   .pattern = options.pattern,
                                   .world_size = GetParam().world_size,
                                   .split = options.split,
                                   .vocabulary_parallel = GetParam().shares_vocabulary,
                                   .batch = 2,
                                   .micro_batches = GetParam().micro_batches,
                                   .overlap = options.overlap};
    const auto group = MakeGroup(options);
    group->threads().ClearLog();
    group->TrainStep(0, MicroBatches(options, 0), 1e-3);
    ExpectPlanned(BuildStepPlan(plan_options), group->threads().log());
    group->threads().ClearLog();
    group->Evaluate(TinyBatch(options.shape, 0));
    ExpectPlanned(BuildEvaluationPlan(plan_options), group->threads().log());
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, OverlapTest, testing::ValuesIn(AllCases()));

class OverlapFailureTest : public testing::TestWithParam<const char*> {};

TEST_P(OverlapFailureTest, TheFailureOfAnyCallKeepsItsStatusAndEndsTheOtherRanks) {
  TrainerOptions options = TinyOptions("tspp", 2);
  options.overlap = *Overlap::Parse(GetParam());
  EXPECT_GT(ExpectEachFailureEndsTheStep(options), 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, OverlapFailureTest, testing::Values("DW", "ROWS(2)"));

TEST(OverlapInputTest, MoreGroupsThanSequencesAreRefused) {
  TrainerOptions options = TinyOptions("t", 1);
  options.overlap = *Overlap::Parse("ROWS(3)");
  TrainerGroup group(options, 1);
  const auto result = group.trainer(0).TrainStep(0, {TinyBatch(options.shape, 0)}, 1e-3);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), testing::HasSubstr("the batch of 2"));
}

}  // namespace
}  // namespace edgetp::test
