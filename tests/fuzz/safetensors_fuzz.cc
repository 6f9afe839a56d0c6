// A safetensors file as it lies on disk: what is accepted survives being written and read again.
#include "common/data/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const auto file = ParseSafetensors(FuzzInput(data, size).Text());
  if (!file.ok()) {
    ExpectGoodError(file.status());
    return 0;
  }
  const auto bytes = SerializeSafetensors(*file);
  FUZZ_EXPECT(bytes.ok());
  const auto again = ParseSafetensors(*bytes);
  FUZZ_EXPECT(again.ok());
  FUZZ_EXPECT(again->tensors.size() == file->tensors.size());
  // Parsed values are exact in float32: the second writing changes nothing.
  FUZZ_EXPECT(*SerializeSafetensors(*again) == *bytes);
  return 0;
}
