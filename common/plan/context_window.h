// Which tokens of a sequence are the context of its next one: where the position table ends, the
// oldest ones are forgotten. Pure.
#pragma once

#include <cstdint>

namespace edgetp {

// A context grows up to `window` (T) tokens, as positions 0, 1, 2, ... Then it begins anew with the
// newest half of them, and grows again. So a context has between half of the window and all of it,
// and keys and values, which know their position, are computed anew once in about window / 2
// tokens. It depends on the number of tokens alone, so it is the same with and without a cache.
class ContextWindow {
 public:
  explicit ContextWindow(int64_t window) : window_(window), kept_((window + 1) / 2) {}

  // Where the context of what follows so many tokens begins.
  int64_t Begin(int64_t tokens) const {
    if (tokens <= window_) return 0;
    const int64_t step = window_ + 1 - kept_;  // forgotten at a time
    return (tokens - window_ + step - 1) / step * step;
  }

 private:
  const int64_t window_;
  const int64_t kept_;
};

}  // namespace edgetp
