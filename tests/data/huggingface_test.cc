// What is exported, as Hugging Face's GPT-2 has it, and what is read back of it.
#include "common/data/huggingface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace edgetp {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Not;

StoredGpt2 Example(bool biases, bool tied) {
  Gpt2Weights weights{.shape = {2, 4, 8, 5, 7, biases, tied}};
  weights.tensors = Gpt2TensorShapes(weights.shape);
  float next = 0;
  for (NamedTensor& tensor : weights.tensors) {
    tensor.values.resize(
        std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>()));
    std::iota(tensor.values.begin(), tensor.values.end(), next += 1000);
  }
  return OpenGpt2Weights(InMemory(WriteGpt2Weights(weights)).value()).value();
}

std::vector<std::string> NamesOf(const StoredFile& file) {
  std::vector<std::string> names;
  for (const StoredTensor& tensor : file.tensors) names.push_back(tensor.name);
  return names;
}

const std::map<std::string, std::string> kMetadata = {{"edgetp.heads", "4"},
                                                      {"edgetp.linear_layout", "in_out"}};

// The names of GPT2LMHeadModel.state_dict(), of a model with one block.
TEST(HuggingFaceTest, NamesAreThoseOfTheLoader) {
  const std::vector<std::string> names = NamesOf(ForHuggingFace(Example(true, true), kMetadata));
  EXPECT_EQ(names.size(), 2u + 2 * 12 + 2);
  for (const char* name :
       {"transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.ln_1.weight",
        "transformer.h.0.ln_1.bias", "transformer.h.0.attn.c_attn.weight",
        "transformer.h.0.attn.c_attn.bias", "transformer.h.0.attn.c_proj.weight",
        "transformer.h.0.attn.c_proj.bias", "transformer.h.0.ln_2.weight",
        "transformer.h.0.ln_2.bias", "transformer.h.0.mlp.c_fc.weight",
        "transformer.h.0.mlp.c_fc.bias", "transformer.h.0.mlp.c_proj.weight",
        "transformer.h.0.mlp.c_proj.bias", "transformer.ln_f.weight", "transformer.ln_f.bias"})
    EXPECT_THAT(names, Contains(name));
  EXPECT_THAT(names, Not(Contains("lm_head.weight"))) << "it is the embedding";
  EXPECT_THAT(NamesOf(ForHuggingFace(Example(true, false), kMetadata)), Contains("lm_head.weight"));
}

TEST(HuggingFaceTest, LinearsAreInOutAndTheFileSaysThatItIsPytorchs) {
  const StoredFile file = ForHuggingFace(Example(true, true), kMetadata);
  for (const StoredTensor& tensor : file.tensors) {
    if (tensor.name == "transformer.h.0.attn.c_attn.weight") {
      EXPECT_EQ(tensor.shape, (std::vector<int64_t>{8, 24}));
    }
  }
  EXPECT_EQ(file.metadata.at("format"), "pt");
  EXPECT_EQ(file.metadata.at("edgetp.heads"), "4");
}

TEST(HuggingFaceTest, ItIsReadBackAsTheSameModel) {
  for (const bool tied : {true, false}) {
    const StoredGpt2 model = Example(true, tied);
    const auto again = OpenGpt2Weights(ForHuggingFace(model, kMetadata));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->shape.tied_head, tied);
    ASSERT_EQ(again->tensors.size(), model.tensors.size());
    for (size_t i = 0; i < model.tensors.size(); ++i) {
      EXPECT_EQ(again->tensors[i].name, model.tensors[i].name);
      EXPECT_TRUE(*AreEqual(again->tensors[i], model.tensors[i])) << model.tensors[i].name;
    }
  }
}

TEST(HuggingFaceTest, AModelWithoutBiasesGetsZeros) {
  const StoredGpt2 model = Example(false, true);
  const StoredFile file = ForHuggingFace(model, kMetadata);
  EXPECT_EQ(NamesOf(file), NamesOf(ForHuggingFace(Example(true, true), kMetadata)));
  for (const StoredTensor& tensor : file.tensors) {
    if (tensor.name.find("bias") != std::string::npos) {
      EXPECT_THAT(ReadTensor(tensor)->values, Each(0.0f)) << tensor.name;
    }
  }
}

TEST(HuggingFaceTest, TheConfigDescribesTheModel) {
  StoredGpt2 model = Example(true, false);
  const auto config = nlohmann::json::parse(HuggingFaceConfig(model, "bfloat16"));
  EXPECT_EQ(config["model_type"], "gpt2");
  EXPECT_EQ(config["architectures"], nlohmann::json::array({"GPT2LMHeadModel"}));
  EXPECT_EQ(config["n_layer"], 2);
  EXPECT_EQ(config["n_head"], 4);
  EXPECT_EQ(config["n_embd"], 8);
  EXPECT_EQ(config["n_positions"], 5);
  EXPECT_EQ(config["vocab_size"], 7);
  EXPECT_EQ(config["activation_function"], "gelu_new");
  EXPECT_EQ(config["layer_norm_epsilon"], 1e-5);
  EXPECT_EQ(config["tie_word_embeddings"], false);
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
  EXPECT_TRUE(config["eos_token_id"].is_null()) << "no token of this vocabulary ends a text";
  model.gelu_tanh = false;
  EXPECT_EQ(nlohmann::json::parse(HuggingFaceConfig(model, "float32"))["activation_function"],
            "gelu");
}

}  // namespace
}  // namespace edgetp
