#include "common/plan/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/plan/llama_plan.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;

constexpr ModelShape kShape{.layers = 1,
                            .heads = 4,
                            .channels = 8,
                            .sequence = 5,
                            .vocabulary = 7,
                            .biases = true,
                            .tied_head = true};

std::vector<ParameterSpec> Table(const std::string& pattern, ModelShape shape = kShape,
                                 bool shared = false) {
  const auto parsed = Pattern::Parse(pattern, 0);
  shape.layers = parsed->layers();
  return Gpt2Parameters(shape, *parsed, shared);
}

std::vector<std::string> Names(const std::vector<ParameterSpec>& specs,
                               bool (*which)(const ParameterSpec&)) {
  std::vector<std::string> names;
  for (const ParameterSpec& spec : specs) {
    if (which(spec)) names.push_back(spec.name);
  }
  return names;
}

bool All(const ParameterSpec&) { return true; }
bool Partial(const ParameterSpec& spec) { return spec.partial_gradient; }
bool Unowned(const ParameterSpec& spec) { return !spec.owned; }

TEST(ParametersTest, TensorsComeInTheOrderOfTheForwardPass) {
  EXPECT_THAT(
      Names(Table("t"), &All),
      ElementsAre("wte.weight", "wpe.weight", "h.0.ln_1.weight", "h.0.ln_1.bias",
                  "h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias", "h.0.attn.c_proj.weight",
                  "h.0.attn.c_proj.bias", "h.0.ln_2.weight", "h.0.ln_2.bias", "h.0.mlp.c_fc.weight",
                  "h.0.mlp.c_fc.bias", "h.0.mlp.c_proj.weight", "h.0.mlp.c_proj.bias",
                  "ln_f.weight", "ln_f.bias"));
  ModelShape plain = kShape;
  plain.biases = plain.tied_head = false;
  EXPECT_THAT(Names(Table("t", plain), &All),
              ElementsAre("wte.weight", "wpe.weight", "h.0.ln_1.weight", "h.0.attn.c_attn.weight",
                          "h.0.attn.c_proj.weight", "h.0.ln_2.weight", "h.0.mlp.c_fc.weight",
                          "h.0.mlp.c_proj.weight", "ln_f.weight", "lm_head.weight"));
}

TEST(ParametersTest, ALetterSaysWhatItOwnsAndWhoseGradientsArePartial) {
  EXPECT_THAT(Names(Table("t"), &Partial), ElementsAre());
  EXPECT_THAT(Names(Table("s"), &Partial),
              ElementsAre("h.0.ln_1.weight", "h.0.ln_1.bias", "h.0.attn.c_proj.bias",
                          "h.0.ln_2.weight", "h.0.ln_2.bias"));
  EXPECT_THAT(Names(Table("ts"), &Unowned), ElementsAre());
  EXPECT_THAT(Names(Table("tp"), &Unowned),
              ElementsAre("h.1.attn.c_proj.bias", "h.1.mlp.c_proj.bias"));
  EXPECT_EQ(FullElements(Table("p")), FullElements(Table("t")));
  EXPECT_EQ(PartialElements(Table("p")), 4 * 8);
}

TEST(ParametersTest, SharesOfAllRanksMakeTheWhole) {
  for (const auto& split : {std::vector<int>{}, {2, 1, 1}, {1, 3}}) {
    const int world_size = split.empty() ? 4 : static_cast<int>(split.size());
    const auto shards = BuildShardMap(kShape, world_size, split, /*vocabulary_parallel=*/true);
    ASSERT_TRUE(shards.ok()) << shards.status();
    for (const ParameterSpec& spec : Table("t", kShape, /*shared=*/true)) {
      double sum = 0;
      for (const Shard& shard : *shards) {
        double local = 1;
        for (const int64_t size : LocalShape(spec, shard)) local *= static_cast<double>(size);
        EXPECT_EQ(LocalElements(spec, shard), local) << spec.name;
        sum += local;
      }
      EXPECT_EQ(sum, spec.elements() * (spec.sharded() ? 1 : world_size)) << spec.name;
    }
  }
}

TEST(ParametersTest, OnlyASharedVocabularyCutsTheTables) {
  const auto sharded = [](const ParameterSpec& spec) { return spec.sharded(); };
  ModelShape shape = kShape;
  shape.layers = 0;
  shape.tied_head = false;
  const Pattern none;
  EXPECT_THAT(Names(Gpt2Parameters(shape, none, false), sharded), ElementsAre());
  EXPECT_THAT(Names(Gpt2Parameters(shape, none, true), sharded),
              ElementsAre("wte.weight", "lm_head.weight"));
}

TEST(ParametersTest, MatricesDecayAndVectorsDoNot) {
  for (const ParameterSpec& spec : Table("s"))
    EXPECT_EQ(spec.decays(), spec.full_shape.size() == 2) << spec.name;
}

TEST(ParametersTest, ALlamasHeadsOfKeysAreSharedWithTheirQueries) {
  const LlamaShape shape{
      .layers = 1, .heads = 8, .kv_heads = 4, .channels = 64, .hidden = 96, .vocabulary = 100};
  const Shard half{{0, 2}, {0, 48}, {0, 0}};
  double local = 0;
  for (const ParameterSpec& spec : LlamaParameters(shape)) local += LocalElements(spec, half);
  EXPECT_EQ(local, (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96) / 2);
}

}  // namespace
}  // namespace edgetp
