#include "common/data/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "common/data/bytes.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string File(const std::string& header, const std::string& data) {
  std::string bytes;
  AppendNumber<uint64_t>(header.size(), &bytes);
  return bytes + header + data;
}

std::string ErrorOf(const std::string& bytes) {
  auto file = ParseSafetensors(bytes);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kDataLoss) << file.status();
  return std::string(file.status().message());
}

TensorFile Example() {
  return {.metadata = {{"edgetp.heads", "4"}},
          .tensors = {
              {"b", {2, 3}, {1, 2, 3, 4, 5, -6.5f}}, {"a", {1}, {0.25f}}, {"empty", {0, 7}, {}}}};
}

TEST(SafetensorsTest, ReadsBackWhatItWrote) {
  auto bytes = SerializeSafetensors(Example());
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto file = ParseSafetensors(*bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata, Example().metadata);
  ASSERT_THAT(file->tensors, SizeIs(3));
  for (const NamedTensor& want : Example().tensors) {
    const auto got =
        std::find_if(file->tensors.begin(), file->tensors.end(),
                     [&](const NamedTensor& tensor) { return tensor.name == want.name; });
    ASSERT_NE(got, file->tensors.end()) << want.name;
    EXPECT_EQ(got->shape, want.shape);
    EXPECT_EQ(got->values, want.values);
  }
}

TEST(SafetensorsTest, DataBeginsAtAMultipleOfEightBytes) {
  auto bytes = SerializeSafetensors(Example());
  EXPECT_EQ(ReadNumber<uint64_t>(*bytes, 0) % 8, 0u);
}

TEST(SafetensorsTest, HalfPrecisionBecomesFloat) {
  const std::string header =
      R"({"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]}})";
  // 1.0, -2.0, the smallest subnormal, infinity; then 1.0 and -0.5 as bfloat16.
  const std::string data("\x00\x3c\x00\xc0\x01\x00\x00\x7c\x80\x3f\x00\xbf", 12);
  auto file = ParseSafetensors(File(header, data));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->tensors[0].values, ElementsAre(1.0f, -2.0f, std::ldexp(1.0f, -24),
                                                   std::numeric_limits<float>::infinity()));
  EXPECT_THAT(file->tensors[1].values, ElementsAre(1.0f, -0.5f));
}

TEST(SafetensorsTest, DoublesBecomeFloatAndIntegersAreListed) {
  const std::string header =
      R"({"d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"m":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  std::string data;
  AppendNumber(-2.5, &data);
  const auto file = ParseSafetensors(File(header, data + "\1\1\1"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_THAT(file->tensors, SizeIs(1));
  EXPECT_THAT(file->tensors[0].values, ElementsAre(-2.5f));
  ASSERT_THAT(file->others, SizeIs(1));
  EXPECT_EQ(file->others[0].name, "m");
  EXPECT_EQ(file->others[0].dtype, "U8");
}

// Counts how far it is read.
class CountingBytes final : public ByteSource {
 public:
  explicit CountingBytes(std::string bytes) : bytes_(BytesInMemory(std::move(bytes))) {}
  uint64_t size() const override { return bytes_->size(); }
  absl::Status Read(uint64_t offset, absl::Span<char> out) const override {
    end_ = std::max(end_, offset + out.size());
    return bytes_->Read(offset, out);
  }
  uint64_t end() const { return end_; }

 private:
  const std::shared_ptr<const ByteSource> bytes_;
  mutable uint64_t end_ = 0;
};

TEST(SafetensorsTest, MetadataIsReadFromTheBeginningOfAFile) {
  TensorFile large = Example();
  large.tensors.push_back({"large", {1 << 14}, std::vector<float>(1 << 14)});
  const auto bytes = std::make_shared<CountingBytes>(*SerializeSafetensors(large));
  const auto file = OpenSafetensors(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_LT(bytes->end(), bytes->size());
  EXPECT_EQ(file->metadata, Example().metadata);
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  auto bytes = SerializeSafetensors(Example());
  for (size_t size = 0; size < bytes->size(); ++size) ErrorOf(bytes->substr(0, size));
}

TEST(SafetensorsTest, HostileHeadersAreRefused) {
  const std::string four(4, '\0');
  std::string huge;
  AppendNumber<uint64_t>(~uint64_t{0}, &huge);
  EXPECT_THAT(ErrorOf(huge + "{}"), HasSubstr("does not begin with the size of a header"));
  EXPECT_THAT(ErrorOf(File("{}", "").substr(0, 9)), HasSubstr("was it cut off?"));
  EXPECT_THAT(ErrorOf(File("[1]", "")), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOf(File("{\"a\":", "")), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOf(File(R"({"a":1})", "")), HasSubstr("tensor a: must be an object"));
  EXPECT_THAT(
      ErrorOf(File(R"({"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,8]}})", four + four)),
      HasSubstr("dtype \"Q4\" is not one of the format's"));
  EXPECT_THAT(ErrorOf(File(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", four)),
              HasSubstr("dtype"));
  EXPECT_THAT(ErrorOf(File(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", four)),
              HasSubstr("shape"));
  EXPECT_THAT(ErrorOf(File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four)),
              HasSubstr("needs 8"));
  EXPECT_THAT(ErrorOf(File(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", four)),
              HasSubstr("outside the file's 4"));
  EXPECT_THAT(ErrorOf(File(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", four)),
              HasSubstr("outside"));
  EXPECT_THAT(ErrorOf(File(R"({"a":{"dtype":"F32","shape":[1]}})", four)),
              HasSubstr("data_offsets"));
  EXPECT_THAT(ErrorOf(File(R"({"__metadata__":{"k":1}})", "")),
              HasSubstr("__metadata__ k: must be a string"));
}

TEST(SafetensorsTest, AProductOfSizesCannotWrapAround) {
  EXPECT_THAT(
      ErrorOf(File(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
                   "")),
      HasSubstr("asks for more than the file holds"));
  EXPECT_THAT(
      ErrorOf(File(R"({"a":{"dtype":"F32","shape":[3,3,3],"data_offsets":[0,4]}})", "1234")),
      HasSubstr("asks for more than the file holds"));
}

TEST(SafetensorsTest, TensorsNeitherOverlapNorLeaveGaps) {
  const std::string row = R"({"dtype":"F32","shape":[1],"data_offsets":)";
  EXPECT_THAT(ErrorOf(File("{\"a\":" + row + "[0,4]},\"b\":" + row + "[0,4]}}", "1234")),
              HasSubstr("neither overlap"));
  EXPECT_THAT(ErrorOf(File("{\"a\":" + row + "[4,8]}}", "12345678")),
              HasSubstr("begins at byte 4 where 0"));
  EXPECT_THAT(ErrorOf(File("{\"a\":" + row + "[0,4]}}", "12345678")),
              HasSubstr("4 bytes after the last tensor"));
  EXPECT_THAT(ErrorOf(File("{\"a\":" + row + "[0,4]},\"a\":" + row + "[0,4]}}", "1234")),
              HasSubstr("a name twice"));
}

TEST(SafetensorsTest, DeepNestingIsRefusedWithoutHarm) {
  ErrorOf(File("{\"a\":" + std::string(100'000, '['), ""));
}

TEST(SafetensorsTest, RefusesToWriteWhatItCouldNotRead) {
  TensorFile file = Example();
  file.tensors[1].name = "b";
  EXPECT_THAT(std::string(SerializeSafetensors(file).status().message()),
              HasSubstr("tensor b is there twice"));
  file = Example();
  file.tensors[0].values.pop_back();
  EXPECT_THAT(std::string(SerializeSafetensors(file).status().message()),
              HasSubstr("5 values for shape [2, 3]"));
}

TEST(SafetensorsTest, AFailedWriteLeavesNothingBehind) {
  const std::string folder = ::testing::TempDir() + "safetensors_none";
  std::filesystem::remove_all(folder);
  EXPECT_EQ(SaveSafetensors(folder + "/x.safetensors", Example()).code(),
            absl::StatusCode::kNotFound);
  std::filesystem::create_directories(folder + "/taken.safetensors/inside");
  EXPECT_FALSE(SaveSafetensors(folder + "/taken.safetensors", Example()).ok());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  EXPECT_TRUE(SaveSafetensors(folder + "/x.safetensors", Example()).ok());
  EXPECT_THAT(LoadSafetensors(folder + "/x.safetensors")->tensors, SizeIs(3));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace edgetp
