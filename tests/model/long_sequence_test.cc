// Sequences that keep no attention weights against the plain reference, which keeps all.
#include "common/plan/memory_rules.h"
#include "tests/model/model_fixture.h"
#include "tests/model/reference.h"

namespace edgetp::test {
namespace {

TEST(LongSequenceTest, StepsWithoutKeptWeightsAreThoseOfTheReference) {
  for (const bool recompute : {false, true}) {
    TrainerOptions options = TinyOptions("ts", 2);
    options.shape.sequence = kKeptWeightsSequence + 37;
    options.clip_norm = 0.5;
    options.adamw.epsilon = 1e-3;
    options.recompute = recompute;
    const auto weights = StrongWeights(options.shape);
    TrainerGroup group(options, 2);
    group.Load(weights);
    Reference reference(options, 2, weights);
    for (int step = 0; step < 3; ++step) {
      TokenBatch batch{.batch = 2, .sequence = options.shape.sequence};
      for (int i = 0; i < batch.batch * batch.sequence; ++i) {
        batch.inputs.push_back((i * 5 + step * 3 + i / 7) % options.shape.vocabulary);
        batch.targets.push_back((i * i + step + 1) % options.shape.vocabulary);
      }
      const StepResult want = reference.TrainStep(step, {batch}, 1e-2);
      const StepResult got = group.TrainStep(step, {batch}, 1e-2);
      EXPECT_NEAR(got.loss, want.loss, 2e-5) << step;
      EXPECT_NEAR(got.gradient_norm, want.gradient_norm, 1e-4 * want.gradient_norm) << step;
    }
    for (const NamedTensor& named : group.Export()) {
      EXPECT_LT(Difference(AsTensor(named), reference.weights().at(named.name)), 1e-4)
          << named.name;
    }
  }
}

TEST(LongSequenceTest, DropoutKeepsItsWeightsAndItsMasks) {
  TrainerOptions options = TinyOptions("t", 2);
  options.shape.sequence = kKeptWeightsSequence + 5;
  options.dropout = 0.3;
  TrainerGroup one(options, 2), other(options, 2);
  TokenBatch batch{.batch = 1, .sequence = options.shape.sequence};
  for (int i = 0; i < batch.sequence; ++i) {
    batch.inputs.push_back(i % options.shape.vocabulary);
    batch.targets.push_back((i + 1) % options.shape.vocabulary);
  }
  EXPECT_EQ(one.TrainStep(3, {batch}, 1e-3).loss, other.TrainStep(3, {batch}, 1e-3).loss);
}

}  // namespace
}  // namespace edgetp::test
