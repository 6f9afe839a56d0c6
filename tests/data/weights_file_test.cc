// Weights as they lie on disk: one file, several with an index, or something else.
#include "common/data/weights_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/files.h"
#include "common/data/gpt2_weights.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

class WeightsFileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Write(const std::string& name, const std::string& bytes) const {
    EXPECT_TRUE(WriteWholeFile(Path(name), bytes).ok());
    return Path(name);
  }
  std::string ErrorOf(const std::string& path) const {
    const absl::Status status = OpenWeightsFile(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TensorFile Example() {
  Gpt2Weights weights{.shape = {1, 1, 64, 4, 5, false}};
  weights.tensors = Gpt2TensorShapes(weights.shape);
  float next = 0;
  for (NamedTensor& tensor : weights.tensors) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    for (int64_t i = 0; i < elements; ++i) tensor.values.push_back(++next);
  }
  TensorFile file = WriteGpt2Weights(std::move(weights));
  WriteSymbols({"a", "b", "c", "d", "e"}, &file);
  return file;
}

TEST_F(WeightsFileTest, AFileIsSentAsItIs) {
  const std::string bytes = SerializeSafetensors(Example()).value();
  const auto file = OpenWeightsFile(Write("w.safetensors", bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(Collect(file->bytes).value(), bytes);
  EXPECT_EQ(Collect(file->bytes).value(), bytes) << "as often as needed";
}

TEST_F(WeightsFileTest, ShardsOfAnIndexBecomeOneFile) {
  TensorFile first = Example();
  TensorFile second{.metadata = {}, .tensors = {first.tensors.begin() + 2, first.tensors.end()}};
  first.tensors.resize(2);
  Write("1.safetensors", SerializeSafetensors(first).value());
  Write("2.safetensors", SerializeSafetensors(second).value());
  const std::string index = Write(
      "model.safetensors.index.json",
      R"({"metadata": {}, "weight_map": {"wte.weight": "1.safetensors", "ln_f.weight": "2.safetensors"}})");
  const auto file = OpenWeightsFile(index);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string bytes = Collect(file->bytes).value();
  EXPECT_EQ(bytes.size(), file->bytes.size);
  const TensorFile whole = ParseSafetensors(bytes).value();
  ASSERT_EQ(whole.tensors.size(), Example().tensors.size());
  for (size_t i = 0; i < whole.tensors.size(); ++i)
    EXPECT_EQ(whole.tensors[i].values, Example().tensors[i].values) << whole.tensors[i].name;
  EXPECT_EQ(ReadSymbols(whole.metadata)->size(), 5u);
}

TEST_F(WeightsFileTest, AnIndexNamesFilesOfItsFolderThatAreThere) {
  const auto index = [this](const std::string& map) {
    return Write("i.json", "{\"weight_map\": " + map + "}");
  };
  EXPECT_THAT(ErrorOf(index("{\"wte.weight\": \"../x\"}")), HasSubstr("in the index's folder"));
  EXPECT_THAT(ErrorOf(index("{\"wte.weight\": 3}")), HasSubstr("in the index's folder"));
  EXPECT_THAT(ErrorOf(index("{}")), HasSubstr("names no file"));
  EXPECT_THAT(ErrorOf(Write("x.json", "{\"a\": 1}")), HasSubstr("JSON with a weight_map"));
  EXPECT_EQ(OpenWeightsFile(index("{\"wte.weight\": \"gone.safetensors\"}")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(WeightsFileTest, WhatItIsInsteadIsTold) {
  EXPECT_THAT(ErrorOf(Write("ckpt.pt", "PK\3\4archive")),
              HasSubstr("looks like a zip archive, as torch.save writes it; this converts it: "
                        "python3 -c \"import torch"));
  EXPECT_THAT(ErrorOf(Write("a", "version https://git-lfs.github.com/spec/v1\n")),
              HasSubstr("Git LFS pointer; `git lfs pull`"));
  EXPECT_THAT(ErrorOf(Write("b", "<!DOCTYPE html>")), HasSubstr("an HTML page"));
  EXPECT_THAT(ErrorOf(Write("c", "")), HasSubstr("the file is empty"));
  EXPECT_THAT(ErrorOf(folder_.string()), HasSubstr("this is a folder"));
}

}  // namespace
}  // namespace edgetp
