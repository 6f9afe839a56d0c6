// What the fuzz targets share: each is one function LLVMFuzzerTestOneInput that reads hostile bytes
// and checks what must hold whatever they are. clang links it with libFuzzer (scripts/fuzz.sh), any
// other compiler with replay_main.cc. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Ends the process, which is how a fuzzer notices, unless `condition` holds.
#define FUZZ_EXPECT(condition)                                                          \
  if (!(condition)) {                                                                   \
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
    std::abort();                                                                       \
  }                                                                                     \
  static_assert(true, "")

namespace edgetp {

// Bytes taken one after the other as numbers; zeros when they have come to an end.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  size_t left() const { return left_; }

  uint8_t Byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  uint32_t Number() {
    uint32_t number = 0;
    for (int i = 0; i < 4; ++i) number = number << 8 | Byte();
    return number;
  }
  // In [low, high].
  int Within(int low, int high) {
    return low + static_cast<int>(Number() % static_cast<uint32_t>(high - low + 1));
  }
  // At most `limit` bytes; all that are left without it.
  std::string Text(size_t limit = SIZE_MAX) {
    const size_t size = limit < left_ ? limit : left_;
    const std::string text(reinterpret_cast<const char*>(data_), size);
    data_ += size;
    left_ -= size;
    return text;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

// An error tells what was wrong, in no more than a screenful of every line that can be wrong.
inline void ExpectGoodError(const absl::Status& status) {
  FUZZ_EXPECT(!status.message().empty());
  FUZZ_EXPECT(status.code() != absl::StatusCode::kInternal);
}

}  // namespace edgetp
