#include "worker/model/host_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

#include "worker/model/torch.h"

namespace edgetp {
namespace {

// Of no other test, and small enough for glibc to keep it on its heap.
constexpr int64_t kFloats = 24'677;

// Between tensors that stay. Holes that other tests have left are filled first: there are more
// tensors than those.
TEST(HostMemoryTest, ATensorFitsWhereOneOfItsSizeWas) {
  ReuseHostMemory();
  std::vector<torch::Tensor> tensors;
  for (int i = 0; i < 400; ++i) tensors.push_back(torch::empty({kFloats}));
  std::set<void*> places;
  for (size_t i = 1; i + 1 < tensors.size(); i += 2) places.insert(tensors[i].data_ptr());
  // From here on, nothing else asks for memory that might lie in a hole.
  for (size_t i = 1; i + 1 < tensors.size(); i += 2) tensors[i] = torch::Tensor();
  for (size_t i = 1; i + 1 < tensors.size(); i += 2) {
    tensors[i] = torch::empty({kFloats});
    EXPECT_EQ(places.count(tensors[i].data_ptr()), 1u) << i;
  }
}

TEST(HostMemoryTest, TensorsAreAlignedToCacheLines) {
  ReuseHostMemory();
  for (int64_t size = 1; size < 2000; size += 7)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(torch::empty({size}).data_ptr()) % 64, 0u) << size;
  EXPECT_EQ(torch::empty({0}).numel(), 0);
}

}  // namespace
}  // namespace edgetp
