#include "worker/model/host_memory.h"

#include <c10/core/CPUAllocator.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace edgetp {
namespace {

// As LibTorch's own: a cache line, and the widest vector.
constexpr uintptr_t kAlignment = 64;
// malloc's addresses are multiples of it: between them and aligned ones there is room for a pointer.
constexpr uintptr_t kMallocAlignment = 16;
static_assert(kMallocAlignment >= sizeof(void*) && kAlignment % kMallocAlignment == 0);

// What malloc gave stands before what a tensor gets.
void** BeginOf(void* aligned) { return static_cast<void**>(aligned) - 1; }

void Free(void* aligned) {
  if (aligned != nullptr) std::free(*BeginOf(aligned));
}

void* Allocate(size_t bytes) {
  void* const begin = std::malloc(bytes + kAlignment);
  TORCH_CHECK(begin != nullptr, "cannot allocate memory: ", bytes, " bytes");
  const auto address = reinterpret_cast<uintptr_t>(begin) / kAlignment * kAlignment + kAlignment;
  void* const aligned = reinterpret_cast<void*>(address);
  *BeginOf(aligned) = begin;
  return aligned;
}

class HostAllocator : public c10::Allocator {
 public:
  // `allocate` is const in LibTorch 1.13, and is not in later ones, which also want copy_data: one of
  // the two overrides.
  c10::DataPtr allocate(size_t bytes) const { return Give(bytes); }
  c10::DataPtr allocate(size_t bytes) { return Give(bytes); }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const {
    std::memcpy(to, from, bytes);
  }

 private:
  static c10::DataPtr Give(size_t bytes) {
    void* const data = bytes == 0 ? nullptr : Allocate(bytes);
    return {data, data, &Free, c10::Device(c10::DeviceType::CPU)};
  }
};

}  // namespace

void ReuseHostMemory() {
  static HostAllocator allocator;
  c10::SetCPUAllocator(&allocator);
}

}  // namespace edgetp
