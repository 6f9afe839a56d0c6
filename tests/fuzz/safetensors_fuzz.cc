// A safetensors file, or what is given for one: what is accepted survives being written and read again.
#include "common/base/file_kind.h"
#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const std::string text = FuzzInput(data, size).Text();
  const auto file = ParseSafetensors(text);
  (void)ReadGpt2Weights(file.ok() ? *file : TensorFile());
  (void)LooksLike(text);
  if (!file.ok()) {
    ExpectGoodError(file.status());
    return 0;
  }
  const auto bytes = SerializeSafetensors(*file);
  FUZZ_EXPECT(bytes.ok());
  const auto again = ParseSafetensors(*bytes);
  FUZZ_EXPECT(again.ok());
  FUZZ_EXPECT(again->tensors.size() == file->tensors.size());
  FUZZ_EXPECT(again->metadata == file->metadata);
  // Parsed values are exact in float32: the second writing changes nothing.
  FUZZ_EXPECT(*SerializeSafetensors(*again) == *bytes);
  return 0;
}
