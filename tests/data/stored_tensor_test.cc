// Tensors that nobody holds: read and sent in pieces.
#include "common/data/stored_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <numeric>

#include "common/base/files.h"
#include "common/data/safetensors.h"
#include "tests/data/tensor_collector.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Each value is its own index.
StoredTensor Numbers(const std::string& name, std::vector<int64_t> shape) {
  return {{name, std::move(shape)}, [](int64_t first, absl::Span<float> out) {
            std::iota(out.begin(), out.end(), static_cast<float>(first));
            return absl::OkStatus();
          }};
}

TEST(StoredTensorTest, ValuesAreSentInPiecesInTheirOrder) {
  const StoredTensor tensor = Numbers("a", {3, kPieceElements / 2});
  test::TensorCollector collector({tensor});
  ASSERT_EQ(SendValues(tensor, collector.Sink()), absl::OkStatus());
  EXPECT_EQ(collector.most_at_once(), static_cast<size_t>(kPieceElements));
  EXPECT_EQ(collector.Take().front().values, ReadTensor(tensor)->values);
}

TEST(StoredTensorTest, ATransposedMatrixIsReadFromAnyValueOn) {
  const StoredTensor transposed = Transposed(Numbers("a", {3, 5}));  // row r, column c: 5 r + c
  EXPECT_THAT(transposed.shape, ElementsAre(5, 3));
  const std::vector<float> whole = ReadTensor(transposed)->values;
  for (int row = 0; row < 5; ++row) {
    for (int column = 0; column < 3; ++column) EXPECT_EQ(whole[3 * row + column], 5 * column + row);
  }
  for (int64_t first = 0; first <= 15; ++first) {
    for (int64_t count = 0; first + count <= 15; ++count) {
      std::vector<float> part(count);
      ASSERT_EQ(transposed.read(first, absl::MakeSpan(part)), absl::OkStatus());
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first));
    }
  }
}

TEST(StoredTensorTest, ALargeMatrixIsTransposedPieceByPiece) {
  const int64_t rows = 5, columns = kPieceElements / 3;
  int64_t most = 0;
  StoredTensor numbers = Numbers("a", {rows, columns});
  const StoredTensor counted{numbers, [&most, numbers](int64_t first, absl::Span<float> out) {
                               most = std::max<int64_t>(most, out.size());
                               return numbers.read(first, out);
                             }};
  std::vector<float> row(2 * rows);
  ASSERT_EQ(Transposed(counted).read(1000 * rows, absl::MakeSpan(row)), absl::OkStatus());
  for (int64_t r = 0; r < rows; ++r) {
    EXPECT_EQ(row[r], static_cast<float>(r * columns + 1000));
    EXPECT_EQ(row[rows + r], static_cast<float>(r * columns + 1001));
  }
  EXPECT_LE(most, kPieceElements);
}

TEST(StoredTensorTest, EqualIsWhatHasTheSameShapeAndValues) {
  const StoredTensor numbers = Numbers("a", {2, 3});
  EXPECT_TRUE(*AreEqual(numbers, Numbers("b", {2, 3})));
  EXPECT_FALSE(*AreEqual(numbers, Numbers("a", {3, 2})));
  EXPECT_FALSE(*AreEqual(numbers, InMemory({{"a", {2, 3}, {0, 1, 2, 3, 4, 6}}})->front()));
}

TEST(StoredTensorTest, ValuesThatDoNotFitTheShapeAreRefused) {
  EXPECT_THAT(std::string(InMemory({{"a", {2, 3}, {1}}}).status().message()),
              HasSubstr("tensor a has 1 values for shape [2, 3]"));
}

TEST(StoredTensorTest, AFileIsReadWhereItsValuesLie) {
  const std::string path = ::testing::TempDir() + "stored.safetensors";
  ASSERT_TRUE(SaveSafetensors(
                  path, {.metadata = {}, .tensors = {{"a", {4}, {1, 2, 3, 4}}, {"b", {2}, {5, 6}}}})
                  .ok());
  {
    const auto file = OpenSafetensors(OpenFileBytes(path).value());
    ASSERT_TRUE(file.ok()) << file.status();
    float values[2];
    ASSERT_EQ(file->tensors[0].read(1, absl::MakeSpan(values)), absl::OkStatus());
    EXPECT_THAT(values, ElementsAre(2, 3));
    ASSERT_EQ(file->tensors[1].read(0, absl::MakeSpan(values)), absl::OkStatus());
    EXPECT_THAT(values, ElementsAre(5, 6));
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 4);
    EXPECT_EQ(file->tensors[1].read(0, absl::MakeSpan(values)).code(),
              absl::StatusCode::kOutOfRange);
  }
  std::filesystem::remove(path);
}

// What each type makes of values, by reading back what was written.
std::vector<float> Rounded(const std::vector<float>& values, ElementType type) {
  const auto stored = InMemory({{"a", {static_cast<int64_t>(values.size())}, values}});
  const auto bytes = StreamSafetensors({.metadata = {}, .tensors = *stored}, type);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  const std::string file = Collect(*bytes).value();
  EXPECT_EQ(file.size(), bytes->size);
  return ParseSafetensors(file)->tensors.front().values;
}

TEST(StoredTensorTest, HalfPrecisionRoundsToTheNearestTiesToEven) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(Rounded({1, -2.5, 0x1p-14f, 0x1p-24f, 0x1.8p-25f, 0x1p-25f, 0x1p-26f, 65504, 65519,
                       65520, 1e9, 1 + 0x1p-11f, 1 + 0x1.8p-10f, -0.0f},
                      ElementType::kFloat16),
              ElementsAre(1, -2.5, 0x1p-14f, 0x1p-24f, 0x1p-24f, 0, 0, 65504, 65504, kInfinity,
                          kInfinity, 1, 1 + 0x1p-9f, 0));
  EXPECT_THAT(Rounded({1, -2.5, 1 + 0x1p-8f, 1 + 0x1.8p-7f, 3e38f, kInfinity, 0x1p-126f},
                      ElementType::kBfloat16),
              ElementsAre(1, -2.5, 1, 1 + 0x1p-6f, Rounded({3e38f}, ElementType::kBfloat16)[0],
                          kInfinity, 0x1p-126f));
  for (const ElementType type : {ElementType::kFloat16, ElementType::kBfloat16}) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_NE(Rounded({nan}, type)[0], Rounded({nan}, type)[0]);
  }
}

// All 65536 of them are written as they were read.
TEST(StoredTensorTest, WhatHalfPrecisionHoldsIsKept) {
  for (const char* dtype : {"F16", "BF16"}) {
    std::string file = std::string(dtype) == "F16"
                           ? R"({"a":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}})"
                           : R"({"a":{"dtype":"BF16","shape":[65536],"data_offsets":[0,131072]}})";
    const uint64_t size = file.size();
    file.insert(0, reinterpret_cast<const char*>(&size), sizeof(size));
    for (int bits = 0; bits < 65536; ++bits) {
      file += static_cast<char>(bits & 255);
      file += static_cast<char>(bits >> 8);
    }
    const auto type = dtype[0] == 'F' ? ElementType::kFloat16 : ElementType::kBfloat16;
    const std::vector<float> values = ParseSafetensors(file)->tensors.front().values;
    const std::vector<float> again = Rounded(values, type);
    for (size_t i = 0; i < values.size(); ++i) {
      const bool number = values[i] == values[i];
      ASSERT_TRUE(number ? values[i] == again[i] : again[i] != again[i]) << dtype << " " << i;
    }
  }
}

}  // namespace
}  // namespace edgetp
