// The safetensors file format: an 8-byte header size, a JSON header, then the tensors' bytes.
// Source: https://github.com/huggingface/safetensors#format. Pure but for the files named.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/byte_source.h"
#include "common/data/named_tensor.h"
#include "common/data/stored_tensor.h"

namespace edgetp {

// A tensor whose elements are no floating-point numbers, as masks are.
struct OtherTensor {
  std::string name;
  std::string dtype;  // "U8"
};

// What is known of a file once its header is read.
struct StoredFile {
  std::map<std::string, std::string> metadata;
  std::vector<StoredTensor> tensors;  // in the order of their bytes
  std::vector<OtherTensor> others;    // read as far as their header, never written
};

// Dtypes F64, F32, F16 and BF16; all become float32 when they are read. Reads the header alone.
// Errors: DataLoss naming the tensor and the rule: header size, JSON, dtype, shape, ranges that
// overlap, leave gaps or leave the file. What is no such file at all: what it looks like. Those of
// the source.
absl::StatusOr<StoredFile> OpenSafetensors(std::shared_ptr<const ByteSource> source);

enum class ElementType { kFloat32, kFloat16, kBfloat16 };

// What a file of such tensors begins with; the values follow, in the given order.
// Errors: InvalidArgument: a name twice.
absl::StatusOr<std::string> SafetensorsHeader(const std::map<std::string, std::string>& metadata,
                                              const std::vector<TensorInfo>& tensors,
                                              ElementType type = ElementType::kFloat32);

// The whole file, made as it is sent.
// Errors: as above; of sending, those of reading the tensors.
absl::StatusOr<ByteStream> StreamSafetensors(const StoredFile& file,
                                             ElementType type = ElementType::kFloat32);

// A small file, all in memory.
struct TensorFile {
  std::map<std::string, std::string> metadata;
  std::vector<NamedTensor> tensors;
  std::vector<OtherTensor> others;
};

// Errors: those of OpenSafetensors.
absl::StatusOr<TensorFile> ParseSafetensors(const std::string& bytes);
// Errors: InvalidArgument: values that do not match the shape.
absl::StatusOr<StoredFile> InMemory(TensorFile file);

// float32, in the given order.
// Errors: InvalidArgument: a name twice, or values that do not match the shape.
absl::StatusOr<std::string> SerializeSafetensors(const TensorFile& file);

// Errors: those of the system naming the path; those of ParseSafetensors.
absl::StatusOr<TensorFile> LoadSafetensors(const std::string& path);
// Writes a temporary file and renames it.
// Errors: those of the system; those of SerializeSafetensors.
absl::Status SaveSafetensors(const std::string& path, const TensorFile& file);

}  // namespace edgetp
