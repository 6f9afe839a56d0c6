// A full tensor whose values stay where they are, in memory, a file or a blob, until they are read
// piece by piece: what the model loads from, and what is sent somewhere else. Nobody needs to hold a
// model to hand it on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/byte_source.h"
#include "common/data/named_tensor.h"

namespace edgetp {

inline constexpr int64_t kPieceElements = kPieceBytes / sizeof(float);

// Takes values one after another. What it returns ends the sending.
using ValueSink = std::function<absl::Status(absl::Span<const float> values)>;

// Fills `out` with the values from the `first` on, row-major.
using ReadValues = std::function<absl::Status(int64_t first, absl::Span<float> out)>;

struct TensorInfo {
  std::string name;
  std::vector<int64_t> shape;

  int64_t elements() const;
};

struct StoredTensor : TensorInfo {
  ReadValues read;
};

// Of tensors in memory, which the stored ones keep.
// Errors: InvalidArgument if a tensor's values do not match its shape.
absl::StatusOr<std::vector<StoredTensor>> InMemory(std::vector<NamedTensor> tensors);

// All values.
absl::StatusOr<NamedTensor> ReadTensor(const StoredTensor& tensor);
absl::StatusOr<std::vector<NamedTensor>> ReadTensors(const std::vector<StoredTensor>& tensors);

// All values in their order, in pieces of kPieceElements at most.
absl::Status SendValues(const StoredTensor& tensor, const ValueSink& sink);

// Shapes: (a, b) -> (b, a). What is read of it is put together from pieces of all columns.
StoredTensor Transposed(StoredTensor matrix);

// Whether both have the same shape and values.
absl::StatusOr<bool> AreEqual(const StoredTensor& a, const StoredTensor& b);

}  // namespace edgetp
