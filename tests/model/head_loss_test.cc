// Logits in chunks against all at once: the same losses and gradients to rounding, and the collectives
// of the plan.
#include "common/plan/step_plan.h"
#include "tests/model/model_fixture.h"

namespace edgetp::test {
namespace {

struct HeadLossCase {
  int loss_rows = 1;
  int world_size = 1;
  bool shared = false;
  bool tied_head = true;
  const char* overlap = "NONE";
};

void PrintTo(const HeadLossCase& c, std::ostream* out) {
  *out << c.loss_rows << " rows P=" << c.world_size << (c.shared ? " shared" : "")
       << (c.tied_head ? "" : " own head") << " " << c.overlap;
}

std::vector<HeadLossCase> AllHeadLossCases() {
  std::vector<HeadLossCase> cases;
  for (const int loss_rows : {1, 5, 8}) {  // of 16: the last chunk is smaller, or not
    for (const int world_size : {1, 2, 3}) {
      for (const bool shared : {false, true}) {
        cases.push_back({loss_rows, world_size, shared, /*tied_head=*/loss_rows != 5});
        if (world_size == 1) continue;
        cases.push_back({loss_rows, world_size, shared, true, "DW"});
        cases.push_back({loss_rows, world_size, shared, true, "ROWS(2)"});
      }
    }
  }
  return cases;
}

class HeadLossTest : public testing::TestWithParam<HeadLossCase> {
 protected:
  static TrainerOptions Options() {
    TrainerOptions options = TinyOptions("ts", GetParam().world_size);
    options.shape.tied_head = GetParam().tied_head;
    options.vocabulary_parallel = GetParam().shared;
    options.overlap = *Overlap::Parse(GetParam().overlap);
    options.adamw.epsilon = 1e-3;  // rounding is not to become steps
    return options;
  }
};

TEST_P(HeadLossTest, ChunksGiveTheResultOfAllRowsToRounding) {
  TrainerOptions options = Options();
  TrainerGroup whole(options, GetParam().world_size);
  options.loss_rows = GetParam().loss_rows;
  TrainerGroup chunks(options, GetParam().world_size);
  for (TrainerGroup* group : {&whole, &chunks}) group->Load(StrongWeights(options.shape));
  for (int step = 0; step < 4; ++step) {
    const std::vector<TokenBatch> batches = {TinyBatch(options.shape, 2 * step),
                                             TinyBatch(options.shape, 2 * step + 1)};
    const StepResult want = whole.TrainStep(step, batches, 1e-2);
    const StepResult got = chunks.TrainStep(step, batches, 1e-2);
    EXPECT_NEAR(got.loss, want.loss, 1e-5) << step;
    EXPECT_NEAR(got.gradient_norm, want.gradient_norm, 1e-4 * want.gradient_norm) << step;
    EXPECT_NEAR(chunks.Evaluate(batches[0]), whole.Evaluate(batches[0]), 1e-5) << step;
  }
  const auto want = whole.Export(), got = chunks.Export();
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_LT(Difference(AsTensor(got[i]), AsTensor(want[i])), 2e-5) << want[i].name;
}

TEST_P(HeadLossTest, TheCollectivesAreThoseOfThePlan) {
  TrainerOptions options = Options();
  options.loss_rows = GetParam().loss_rows;
  const PlanOptions plan_options{.shape = options.shape,
                                 .pattern = options.pattern,
                                 .world_size = GetParam().world_size,
                                 .split = options.split,
                                 .vocabulary_parallel = options.vocabulary_parallel,
                                 .batch = 2,
                                 .overlap = options.overlap,
                                 .loss_rows = options.loss_rows};
  TrainerGroup group(options, GetParam().world_size);
  group.threads().ClearLog();
  group.TrainStep(0, {TinyBatch(options.shape, 0)}, 1e-3);
  ExpectPlanned(BuildStepPlan(plan_options), group.threads().log());
}

INSTANTIATE_TEST_SUITE_P(Chunks, HeadLossTest, testing::ValuesIn(AllHeadLossCases()));

}  // namespace
}  // namespace edgetp::test
