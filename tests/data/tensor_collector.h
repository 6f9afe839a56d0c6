// Puts tensors together again of the values that a ValueSink is given.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/data/stored_tensor.h"

namespace edgetp::test {

class TensorCollector {
 public:
  explicit TensorCollector(std::vector<TensorInfo> tensors) : infos_(std::move(tensors)) {}

  // Valid as long as this is.
  ValueSink Sink() {
    return [this](absl::Span<const float> values) {
      most_at_once_ = std::max(most_at_once_, values.size());
      values_.insert(values_.end(), values.begin(), values.end());
      return absl::OkStatus();
    };
  }

  // Of the largest piece.
  size_t most_at_once() const { return most_at_once_; }
  size_t values() const { return values_.size(); }

  // All values must be there.
  std::vector<NamedTensor> Take() const {
    std::vector<NamedTensor> tensors;
    auto at = values_.begin();
    for (const TensorInfo& info : infos_) {
      if (values_.end() - at < info.elements()) {
        ADD_FAILURE() << info.name << ": only " << values_.end() - at << " values are left";
        return tensors;
      }
      tensors.push_back({info.name, info.shape, {at, at + info.elements()}});
      at += info.elements();
    }
    EXPECT_EQ(at, values_.end()) << "values of no tensor";
    return tensors;
  }

 private:
  const std::vector<TensorInfo> infos_;
  std::vector<float> values_;
  size_t most_at_once_ = 0;
};

}  // namespace edgetp::test
