// P ranks of worker/model against the plain reference: forward, loss, every gradient, ten optimizer
// steps, and the order of the all-reduces against the step plan.
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/plan/step_plan.h"
#include "tests/model/model_fixture.h"
#include "tests/model/reference.h"

namespace edgetp::test {
namespace {

struct Case {
  std::string pattern;
  int world_size = 1;
  bool biases = true;
  GeluKind gelu = GeluKind::kTanh;
  MergeKind merge = MergeKind::kSumLast;
  bool tied_head = true;
  bool vocabulary_parallel = false;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.pattern << " P=" << c.world_size << (c.biases ? " biases" : " no biases")
       << (c.gelu == GeluKind::kErf ? " erf" : " tanh") << " merge=" << static_cast<int>(c.merge)
       << (c.tied_head ? "" : " own head") << (c.vocabulary_parallel ? " shared vocabulary" : "");
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const char* pattern :
       {"t",     "s",       "p",           "tt",      "ss",          "pp",      "tst",
        "sppp",  "pppp",    "pspp",        "tpps",    "g",           "gg",      "tgsp",
        "l",     "lll",     "tlls",        "lg",      "lpl",         "d",       "dd",
        "tdlp",  "t~1",     "t~2t~2",      "t~3*3",   "t~6*3",       "t~1t~2l", "st~1t~1p",
        "t@0.5", "t@0.5*3", "t@0.75t@0.3", "tt@0.1s", "t~1t~1t@0.5p"}) {
    const bool every_merge = std::set<std::string>{"p", "sppp", "tpps"}.count(pattern) > 0;
    for (int world_size = 1; world_size <= 4; ++world_size) {
      for (const bool biases : {true, false}) {
        const GeluKind gelu = (world_size % 2 == 0) == biases ? GeluKind::kErf : GeluKind::kTanh;
        cases.push_back({pattern, world_size, biases, gelu, MergeKind::kSumLast});
        if (!every_merge) continue;
        cases.push_back({pattern, world_size, biases, gelu, MergeKind::kMean});
        cases.push_back({pattern, world_size, biases, gelu, MergeKind::kSum});
      }
    }
  }
  return cases;
}

// The two ends of the model: a head of its own, and a vocabulary (of 11) whose rows ranks share.
std::vector<Case> VocabularyCases() {
  std::vector<Case> cases;
  for (int world_size = 1; world_size <= 4; ++world_size) {
    for (const bool biases : {true, false}) {
      for (const char* pattern : {"t", "sppp"}) {
        Case c{.pattern = pattern, .world_size = world_size, .biases = biases};
        for (const auto& [tied, shared] :
             {std::pair(false, false), std::pair(true, true), std::pair(false, true)}) {
          c.tied_head = tied;
          c.vocabulary_parallel = shared;
          cases.push_back(c);
        }
      }
    }
  }
  return cases;
}

// Puts the ranks' gradients back where they belong in the full tensor. Replicated ones must agree
// to the last bit.
std::map<std::string, torch::Tensor> Assemble(TrainerGroup& group, const TrainerOptions& options) {
  const int world_size = group.threads().world_size();
  const auto shards =
      *BuildShardMap(options.shape, world_size, options.split, options.vocabulary_parallel);
  const int64_t C = options.shape.channels, D = C / options.shape.heads;
  std::map<std::string, torch::Tensor> full;
  for (int rank = 0; rank < world_size; ++rank) {
    const Range heads = shards[rank].heads, columns = shards[rank].columns;
    const Range rows = shards[rank].vocabulary;
    const auto locals = group.trainer(rank).LocalGradients();
    EXPECT_TRUE(locals.ok()) << locals.status();
    for (const NamedTensor& named : *locals) {
      const std::string& name = named.name;
      const torch::Tensor local = AsTensor(named);
      auto into = [&](std::vector<int64_t> shape) -> torch::Tensor& {
        torch::Tensor& tensor = full[name];
        if (!tensor.defined()) tensor = torch::zeros(shape, torch::kDouble);
        return tensor;
      };
      if (name.find("c_attn") != std::string::npos) {
        const int64_t axis = local.dim() - 1;
        torch::Tensor& tensor =
            into(axis == 1 ? std::vector<int64_t>{C, 3 * C} : std::vector<int64_t>{3 * C});
        for (int64_t part = 0; part < 3; ++part) {
          for (int64_t h = 0; h < heads.size(); ++h) {
            const int64_t from = (part * heads.size() + h) * D,
                          to = part * C + (heads.begin + h) * D;
            tensor.slice(axis, to, to + D).copy_(local.slice(axis, from, from + D));
          }
        }
      } else if (name.find("attn.c_proj.weight") != std::string::npos) {
        into({C, C}).slice(0, heads.begin * D, heads.end * D).copy_(local);
      } else if (name.find("c_fc.weight") != std::string::npos) {
        into({C, 4 * C}).slice(1, columns.begin, columns.end).copy_(local);
      } else if (name.find("c_fc.bias") != std::string::npos) {
        into({4 * C}).slice(0, columns.begin, columns.end).copy_(local);
      } else if (name.find("mlp.c_proj.weight") != std::string::npos) {
        into({4 * C, C}).slice(0, columns.begin, columns.end).copy_(local);
      } else if (options.vocabulary_parallel &&
                 (name == "wte.weight" || name == "lm_head.weight")) {
        into({options.shape.vocabulary, C}).slice(0, rows.begin, rows.end).copy_(local);
      } else if (rank == 0) {
        full[name] = local;
      } else {
        EXPECT_TRUE(full[name].equal(local)) << name << " differs on rank " << rank;
      }
    }
  }
  return full;
}

class EquivalenceTest : public testing::TestWithParam<Case> {
 protected:
  EquivalenceTest()
      : options_(TinyOptions(GetParam().pattern, GetParam().world_size, GetParam().biases)) {
    options_.gelu = GetParam().gelu;
    options_.merge = GetParam().merge;
    options_.shape.tied_head = GetParam().tied_head;
    options_.vocabulary_parallel = GetParam().vocabulary_parallel;
    options_.clip_norm = 0.5;  // below the norms that occur: clipping acts
    // Adam divides by the gradient's size: where that is only rounding (the bias of k has no
    // influence), it would turn rounding into steps of full length.
    options_.adamw.epsilon = 1e-3;
    weights_ = StrongWeights(options_.shape);
    group_ = std::make_unique<TrainerGroup>(options_, GetParam().world_size);
    group_->Load(weights_);
    reference_ = std::make_unique<Reference>(options_, GetParam().world_size, weights_);
  }

  std::vector<TokenBatch> MicroBatches(int step) const {
    return {TinyBatch(options_.shape, 2 * step), TinyBatch(options_.shape, 2 * step + 1)};
  }

  TrainerOptions options_;
  std::vector<NamedTensor> weights_;
  std::unique_ptr<TrainerGroup> group_;
  std::unique_ptr<Reference> reference_;
};

TEST_P(EquivalenceTest, LossAndLogitsAreThoseOfTheReference) {
  const TokenBatch batch = TinyBatch(options_.shape, 0);
  EXPECT_NEAR(group_->Evaluate(batch), reference_->Loss(batch).item<double>(), 1e-5);
  const TokenBatch prompt{1, 5, {3, 1, 4, 1, 5}, {0, 0, 0, 0, 0}};
  const auto logits = group_->NextTokenLogits(prompt.inputs);
  const torch::Tensor got = torch::tensor(logits, torch::kFloat).to(torch::kDouble);
  EXPECT_LT(Difference(got, reference_->Logits(prompt)[0][4]), 3e-5);
}

TEST_P(EquivalenceTest, EveryGradientIsThatOfTheReference) {
  const StepResult got = group_->TrainStep(0, MicroBatches(0), 1e-3);
  const StepResult want = reference_->TrainStep(0, MicroBatches(0), 1e-3);
  EXPECT_NEAR(got.loss, want.loss, 1e-5);
  EXPECT_NEAR(got.gradient_norm, want.gradient_norm, 1e-5 * want.gradient_norm);
  const auto gradients = Assemble(*group_, options_);
  EXPECT_EQ(gradients.size(), reference_->gradients().size());
  for (const auto& [name, gradient] : reference_->gradients()) {
    ASSERT_EQ(gradients.count(name), 1u) << name;
    const double scale = std::max(0.1, gradient.abs().max().item<double>());
    EXPECT_LT(Difference(gradients.at(name), gradient), 1e-5 * scale) << name;
  }
}

TEST_P(EquivalenceTest, TenStepsWithClippingEndAtTheSameWeights) {
  for (int step = 0; step < 10; ++step) {
    const StepResult got = group_->TrainStep(step, MicroBatches(step), 1e-2);
    const StepResult want = reference_->TrainStep(step, MicroBatches(step), 1e-2);
    ASSERT_NEAR(got.loss, want.loss, 5e-5) << "step " << step;
    ASSERT_NEAR(got.gradient_norm, want.gradient_norm, 2e-4 * want.gradient_norm)
        << "step " << step;
  }
  for (const NamedTensor& named : group_->Export()) {
    if (reference_->gradients().count(named.name) == 0)
      continue;  // an output bias that p does not use
    EXPECT_LT(Difference(AsTensor(named), reference_->weights().at(named.name)), 1e-4)
        << named.name;
  }
}

TEST_P(EquivalenceTest, AllReducesAreThoseOfTheStepPlan) {
  PlanOptions plan_options{.shape = options_.shape,
                           .pattern = options_.pattern,
                           .world_size = GetParam().world_size,
                           .split = options_.split,
                           .vocabulary_parallel = options_.vocabulary_parallel,
                           .batch = 2,
                           .micro_batches = 2};
  group_->TrainStep(0, MicroBatches(0), 1e-3);
  ExpectPlanned(BuildStepPlan(plan_options), group_->threads().log());
  group_->threads().ClearLog();
  group_->Evaluate(TinyBatch(options_.shape, 0));
  ExpectPlanned(BuildEvaluationPlan(plan_options), group_->threads().log());
  group_->threads().ClearLog();
  group_->NextTokenLogits({3, 1, 4, 1, 5});
  plan_options.batch = 1;
  plan_options.shape.sequence = 5;
  ExpectPlanned(BuildNextTokenPlan(plan_options), group_->threads().log());
}

INSTANTIATE_TEST_SUITE_P(Patterns, EquivalenceTest, testing::ValuesIn(AllCases()));
INSTANTIATE_TEST_SUITE_P(Vocabulary, EquivalenceTest, testing::ValuesIn(VocabularyCases()));

}  // namespace
}  // namespace edgetp::test
