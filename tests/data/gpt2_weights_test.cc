#include "common/data/gpt2_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// A model with a different value in every element.
Gpt2Weights Example(bool biases) {
  Gpt2Weights weights{.shape = {2, 4, 8, 5, 7, biases}};
  weights.tensors = Gpt2TensorShapes(weights.shape);
  float next = 0;
  for (NamedTensor& tensor : weights.tensors) {
    int64_t elements = 1;
    for (int64_t size : tensor.shape) elements *= size;
    tensor.values.resize(elements);
    std::iota(tensor.values.begin(), tensor.values.end(), next);
    next += static_cast<float>(elements);
  }
  return weights;
}

NamedTensor& Find(TensorFile* file, const std::string& name) {
  for (NamedTensor& tensor : file->tensors) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << name;
  return file->tensors[0];
}

void ExpectIsExample(const absl::StatusOr<Gpt2Weights>& got, bool biases) {
  ASSERT_TRUE(got.ok()) << got.status();
  const Gpt2Weights want = Example(biases);
  EXPECT_EQ(got->shape.layers, 2);
  EXPECT_EQ(got->shape.heads, 4);
  EXPECT_EQ(got->shape.channels, 8);
  EXPECT_EQ(got->shape.sequence, 5);
  EXPECT_EQ(got->shape.vocabulary, 7);
  EXPECT_EQ(got->shape.biases, biases);
  EXPECT_TRUE(got->shape.tied_head);
  ASSERT_EQ(got->tensors.size(), want.tensors.size());
  for (size_t i = 0; i < want.tensors.size(); ++i) {
    EXPECT_EQ(got->tensors[i].name, want.tensors[i].name);
    EXPECT_EQ(got->tensors[i].shape, want.tensors[i].shape);
    EXPECT_EQ(got->tensors[i].values, want.tensors[i].values) << want.tensors[i].name;
  }
}

std::string ErrorOf(TensorFile file) {
  auto weights = ReadGpt2Weights(std::move(file));
  EXPECT_EQ(weights.status().code(), absl::StatusCode::kInvalidArgument) << weights.status();
  return std::string(weights.status().message());
}

TEST(Gpt2WeightsTest, ReadsBackWhatItWrote) {
  for (bool biases : {true, false})
    ExpectIsExample(ReadGpt2Weights(WriteGpt2Weights(Example(biases))), biases);
}

TEST(Gpt2WeightsTest, GeluIsTanhUnlessTheFileSaysErf) {
  Gpt2Weights weights = Example(true);
  EXPECT_TRUE(ReadGpt2Weights(WriteGpt2Weights(weights))->gelu_tanh);
  weights.gelu_tanh = false;
  EXPECT_FALSE(ReadGpt2Weights(WriteGpt2Weights(weights))->gelu_tanh);
  TensorFile file = WriteGpt2Weights(weights);
  file.metadata.erase("edgetp.gelu");
  EXPECT_TRUE(ReadGpt2Weights(file)->gelu_tanh);
}

TEST(Gpt2WeightsTest, PrefixTiedHeadAndMasksAreAccepted) {
  TensorFile file = WriteGpt2Weights(Example(true));
  NamedTensor head = Find(&file, "wte.weight");
  for (NamedTensor& tensor : file.tensors) tensor.name = "transformer." + tensor.name;
  head.name = "lm_head.weight";
  file.tensors.push_back(head);
  file.tensors.push_back({"transformer.h.0.attn.bias", {1, 1, 1, 1}, {1}});
  ExpectIsExample(ReadGpt2Weights(file), true);
}

// The example with linears as nn.Linear has them.
TensorFile TransposedLinears() {
  TensorFile file = WriteGpt2Weights(Example(true));
  file.metadata["edgetp.linear_layout"] = "out_in";
  for (NamedTensor& tensor : file.tensors) {
    if (tensor.shape.size() != 2 || tensor.name[0] == 'w') continue;
    NamedTensor transposed{tensor.name, {tensor.shape[1], tensor.shape[0]}, {}};
    for (int64_t out = 0; out < tensor.shape[1]; ++out) {
      for (int64_t in = 0; in < tensor.shape[0]; ++in) {
        transposed.values.push_back(tensor.values[in * tensor.shape[1] + out]);
      }
    }
    tensor = transposed;
  }
  return file;
}

TEST(Gpt2WeightsTest, OutInLinearsAreTransposed) {
  ExpectIsExample(ReadGpt2Weights(TransposedLinears()), true);
}

TEST(Gpt2WeightsTest, ThePrefixOfACompiledModelIsTakenOff) {
  TensorFile file = WriteGpt2Weights(Example(true));
  for (NamedTensor& tensor : file.tensors) tensor.name = "_orig_mod.transformer." + tensor.name;
  ExpectIsExample(ReadGpt2Weights(file), true);
}

TEST(Gpt2WeightsTest, AMaskOfAnyDtypeIsDroppedAndOtherIntegersAreRefused) {
  TensorFile file = WriteGpt2Weights(Example(true));
  file.others = {{"h.0.attn.bias", "U8"}, {"transformer.h.1.attn.bias", "BOOL"}};
  ExpectIsExample(ReadGpt2Weights(file), true);
  file.others.push_back({"h.0.mlp.c_fc.weight", "I8"});
  EXPECT_THAT(ErrorOf(file), HasSubstr("tensor h.0.mlp.c_fc.weight has dtype I8: weights are F32"));
}

TEST(Gpt2WeightsTest, ALayoutThatNobodyTellsIsSeenByTheFirstLinear) {
  TensorFile file = TransposedLinears();
  ASSERT_EQ(file.metadata.erase("edgetp.linear_layout"), 1u);
  ExpectIsExample(ReadGpt2Weights(file), true);
  file = WriteGpt2Weights(Example(true));
  file.metadata.erase("edgetp.linear_layout");
  ExpectIsExample(ReadGpt2Weights(file), true);
}

TEST(Gpt2WeightsTest, AHeadThatDiffersFromTheEmbeddingIsTheModelsOwn) {
  for (const char* prefix : {"", "transformer.", "_orig_mod.transformer."}) {
    TensorFile file = WriteGpt2Weights(Example(true));
    NamedTensor head = Find(&file, "wte.weight");
    for (NamedTensor& tensor : file.tensors) tensor.name = prefix + tensor.name;
    head.name = std::string(prefix[0] == '_' ? "_orig_mod." : "") + "lm_head.weight";
    head.values[3] += 1;
    file.tensors.insert(file.tensors.begin(), head);
    const auto weights = ReadGpt2Weights(file);
    ASSERT_TRUE(weights.ok()) << weights.status();
    EXPECT_FALSE(weights->shape.tied_head);
    EXPECT_EQ(weights->tensors.back().name, "lm_head.weight");
    EXPECT_EQ(weights->tensors.back().values, head.values);
    const auto again = ReadGpt2Weights(WriteGpt2Weights(*weights));
    EXPECT_EQ(again->tensors.back().values, head.values);
  }
}

TEST(Gpt2WeightsTest, AHeadOfAnotherShapeIsRefused) {
  TensorFile file = WriteGpt2Weights(Example(true));
  file.tensors.push_back({"lm_head.weight", {8, 7}, std::vector<float>(56, 1)});
  EXPECT_THAT(ErrorOf(file), HasSubstr("lm_head.weight has shape [8, 7], but [7, 8]"));
}

TEST(Gpt2WeightsTest, HeadsComeFromTheMetadataElseFromTheChannels) {
  Gpt2Weights wide{.shape = {1, 2, 128, 4, 5, false}};
  wide.tensors = Gpt2TensorShapes(wide.shape);
  for (NamedTensor& tensor : wide.tensors) {
    tensor.values.resize(
        std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>()));
  }
  TensorFile file = WriteGpt2Weights(wide);
  file.metadata.clear();
  EXPECT_EQ(ReadGpt2Weights(file)->shape.heads, 2);

  file = WriteGpt2Weights(Example(true));
  file.metadata.erase("edgetp.heads");
  EXPECT_EQ(ReadGpt2Weights(file)->shape.heads, 0) << "8 channels do not tell";
  for (const char* bad : {"3", "0", "-4", "many"}) {
    file.metadata["edgetp.heads"] = bad;
    EXPECT_THAT(ErrorOf(file), HasSubstr("must divide channels=8"));
  }
}

TEST(Gpt2WeightsTest, MissingUnknownAndMisshapenTensorsAreNamed) {
  TensorFile file = WriteGpt2Weights(Example(true));
  Find(&file, "h.1.mlp.c_fc.bias").name = "h.1.mlp.c_fc.bios";
  EXPECT_THAT(ErrorOf(file), HasSubstr("tensor h.1.mlp.c_fc.bias is missing"));

  file = WriteGpt2Weights(Example(true));
  file.tensors.push_back({"h.9.extra", {1}, {1}});
  EXPECT_THAT(ErrorOf(file), HasSubstr("tensor h.9.extra is not part of a GPT-2"));

  file = WriteGpt2Weights(Example(true));
  Find(&file, "h.0.attn.c_attn.weight").shape = {24, 8};
  EXPECT_THAT(ErrorOf(file), HasSubstr("h.0.attn.c_attn.weight has shape [24, 8], but [8, 24]"));
  EXPECT_THAT(ErrorOf(file), HasSubstr("metadata edgetp.linear_layout says another layout"));

  file = WriteGpt2Weights(Example(true));
  Find(&file, "wte.weight").shape = {56};
  EXPECT_THAT(ErrorOf(file), HasSubstr("wte.weight has shape [56]: must be a matrix"));
}

TEST(Gpt2WeightsTest, UnknownMetadataWordsAreRefused) {
  TensorFile file = WriteGpt2Weights(Example(true));
  file.metadata["edgetp.gelu"] = "relu";
  EXPECT_THAT(ErrorOf(file), HasSubstr("edgetp.gelu=relu: must be tanh or erf"));
}

TEST(Gpt2WeightsTest, OptimizerStateIsTakenOutFirst) {
  TensorFile file = WriteGpt2Weights(Example(false));
  const size_t weights = file.tensors.size();
  file.tensors.insert(file.tensors.begin(), {"optimizer.exp_avg.wte.weight", {1}, {1}});
  EXPECT_THAT(ErrorOf(file), HasSubstr("optimizer.exp_avg.wte.weight is not part"));
  EXPECT_THAT(SplitOptimizerState(&file.tensors), SizeIs(1));
  EXPECT_THAT(file.tensors, SizeIs(weights));
  ExpectIsExample(ReadGpt2Weights(file), false);
}

TEST(Gpt2WeightsTest, SymbolsTravelInTheMetadata) {
  TensorFile file;
  const std::vector<std::string> symbols = {"\n", "a", "\xc3\xa9"};
  WriteSymbols(symbols, &file);
  EXPECT_EQ(ReadSymbols(file.metadata).value(), symbols);
  EXPECT_THAT(ReadSymbols({}).value(), SizeIs(0));
}

TEST(Gpt2WeightsTest, SymbolsThatAreNoArrayOfStringsAreRefused) {
  for (const char* text : {"", "{}", "[1]", "[\"a\", null]"}) {
    TensorFile file;
    file.metadata["edgetp.vocabulary"] = text;
    EXPECT_TRUE(absl::IsDataLoss(ReadSymbols(file.metadata).status())) << text;
  }
}

}  // namespace
}  // namespace edgetp
