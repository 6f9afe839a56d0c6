#include "common/data/stored_tensor.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

int64_t Product(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

// The columns [first, first + columns) of a matrix (rows, width), transposed: (columns, rows).
absl::Status ReadColumns(const StoredTensor& matrix, int64_t first, int64_t columns,
                         absl::Span<float> out) {
  const int64_t rows = matrix.shape[0], width = matrix.shape[1];
  const int64_t at_once = std::clamp<int64_t>(kPieceElements / width, 1, rows);
  std::vector<float> piece(at_once * width);
  for (int64_t row = 0; row < rows; row += at_once) {
    const int64_t count = std::min(at_once, rows - row);
    RETURN_IF_ERROR(matrix.read(row * width, absl::MakeSpan(piece.data(), count * width)));
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t c = 0; c < columns; ++c) out[c * rows + row + r] = piece[r * width + first + c];
    }
  }
  return absl::OkStatus();
}

// Any values of the transposed matrix: those of all rows that they lie in are read.
absl::Status ReadTransposed(const StoredTensor& matrix, int64_t first, absl::Span<float> out) {
  const int64_t length = matrix.shape[0];  // of a row of the transposed one
  if (out.empty()) return absl::OkStatus();
  const int64_t end = first + static_cast<int64_t>(out.size());
  const int64_t begin_row = first / length, end_row = (end + length - 1) / length;
  if (first == begin_row * length && end == end_row * length)
    return ReadColumns(matrix, begin_row, end_row - begin_row, out);
  std::vector<float> rows((end_row - begin_row) * length);
  RETURN_IF_ERROR(ReadColumns(matrix, begin_row, end_row - begin_row, absl::MakeSpan(rows)));
  std::copy_n(rows.begin() + (first - begin_row * length), out.size(), out.begin());
  return absl::OkStatus();
}

}  // namespace

int64_t TensorInfo::elements() const { return Product(shape); }

absl::StatusOr<std::vector<StoredTensor>> InMemory(std::vector<NamedTensor> tensors) {
  std::vector<StoredTensor> stored;
  for (NamedTensor& tensor : tensors) {
    if (const auto count = static_cast<int64_t>(tensor.values.size());
        count != Product(tensor.shape)) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor.name, " has ", count,
                                                     " values for shape [",
                                                     absl::StrJoin(tensor.shape, ", "), "]"));
    }
    const auto values = std::make_shared<const std::vector<float>>(std::move(tensor.values));
    stored.push_back({{std::move(tensor.name), std::move(tensor.shape)},
                      [values](int64_t first, absl::Span<float> out) {
                        std::copy_n(values->begin() + first, out.size(), out.begin());
                        return absl::OkStatus();
                      }});
  }
  return stored;
}

absl::StatusOr<NamedTensor> ReadTensor(const StoredTensor& tensor) {
  NamedTensor named{tensor.name, tensor.shape, std::vector<float>(tensor.elements())};
  RETURN_IF_ERROR(tensor.read(0, absl::MakeSpan(named.values)));
  return named;
}

absl::StatusOr<std::vector<NamedTensor>> ReadTensors(const std::vector<StoredTensor>& tensors) {
  std::vector<NamedTensor> named;
  for (const StoredTensor& tensor : tensors) {
    ASSIGN_OR_RETURN(named.emplace_back(), ReadTensor(tensor));
  }
  return named;
}

absl::Status SendValues(const StoredTensor& tensor, const ValueSink& sink) {
  const int64_t elements = tensor.elements();
  std::vector<float> piece;
  for (int64_t at = 0; at < elements; at += kPieceElements) {
    piece.resize(std::min(kPieceElements, elements - at));
    RETURN_IF_ERROR(tensor.read(at, absl::MakeSpan(piece)));
    RETURN_IF_ERROR(sink(piece));
  }
  return absl::OkStatus();
}

StoredTensor Transposed(StoredTensor matrix) {
  StoredTensor transposed{{matrix.name, {matrix.shape[1], matrix.shape[0]}}, nullptr};
  transposed.read = [matrix = std::move(matrix)](int64_t first, absl::Span<float> out) {
    return ReadTransposed(matrix, first, out);
  };
  return transposed;
}

absl::StatusOr<bool> AreEqual(const StoredTensor& a, const StoredTensor& b) {
  if (a.shape != b.shape) return false;
  std::vector<float> one, other;
  for (int64_t at = 0; at < a.elements(); at += kPieceElements) {
    one.resize(std::min(kPieceElements, a.elements() - at));
    other.resize(one.size());
    RETURN_IF_ERROR(a.read(at, absl::MakeSpan(one)));
    RETURN_IF_ERROR(b.read(at, absl::MakeSpan(other)));
    if (one != other) return false;
  }
  return true;
}

}  // namespace edgetp
