// Copies between an accelerator and pinned host memory that run beside everything else, in the order of
// their starts. The CPU has none. One thread at a time; may throw what LibTorch throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace edgetp {

class CopyEngine {
 public:
  virtual ~CopyEngine() = default;

  // Starts a copy. What `from` has must be there already, and nothing may touch either memory until the
  // copy has been awaited. Returns its number; they count from 0.
  virtual uint64_t Start(void* to, const void* from, size_t bytes) = 0;

  // Blocks until: that copy, and all that were started before it, are done.
  virtual void Await(uint64_t copy) = 0;
};

// `device`: "cuda:1" is 1.
std::unique_ptr<CopyEngine> MakeGpuCopyEngine(int device);

}  // namespace edgetp
