// Raises thread stacks that a library asks for and that are too small for this process.
//
// prometheus-cpp's HTTP server (civetweb) wants stacks of 100 KiB. A thread's static TLS lies on
// its stack, and LibTorch's is larger than that: pthread_create then fails with EINVAL, and no
// metrics endpoint comes up. civetweb has no option for it, so this program's definition stands
// before libc's.
#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <cstddef>

namespace {

constexpr size_t kSmallestStack = 1 << 20;

}  // namespace

extern "C" __attribute__((visibility("default"))) int pthread_attr_setstacksize(
    pthread_attr_t* attributes, size_t bytes) noexcept {
  using Function = int (*)(pthread_attr_t*, size_t);
  static const auto set_stack_size =
      reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_attr_setstacksize"));
  return set_stack_size(attributes, std::max(bytes, kSmallestStack));
}
