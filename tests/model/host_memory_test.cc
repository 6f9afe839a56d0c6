#include "worker/model/host_memory.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "worker/model/torch.h"

namespace edgetp {
namespace {

// Of no other test, and small enough for glibc to keep it on its heap.
constexpr int64_t kFloats = 24'677;

TEST(HostMemoryTest, ATensorFitsWhereOneOfItsSizeWas) {
  ReuseHostMemory();
  for (int i = 0; i < 10; ++i) {
    const torch::Tensor before = torch::empty({kFloats});
    torch::Tensor hole = torch::empty({kFloats});
    const torch::Tensor after = torch::empty({kFloats});
    void* const place = hole.data_ptr();
    hole = torch::Tensor();
    EXPECT_EQ(torch::empty({kFloats}).data_ptr(), place);
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
