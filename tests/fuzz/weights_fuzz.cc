// A file of weights. The first two bytes say how many bytes of tensors follow the header, whose
// JSON is the rest: the fuzzer need not learn to count. `safetensors` reads whole files as they
// are.
#include <cstring>

#include "common/data/gpt2_weights.h"
#include "tests/fuzz/fuzz.h"
#include "worker/job/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  FuzzInput input(data, size);
  const size_t data_bytes = static_cast<size_t>(input.Byte()) * 256 + input.Byte();
  const std::string header = input.Text();
  const uint64_t header_bytes = header.size();
  std::string file(sizeof(header_bytes), '\0');
  std::memcpy(file.data(), &header_bytes, sizeof(header_bytes));
  file += header + std::string(data_bytes, '\0');
  const auto checkpoint = OpenCheckpoint(BytesInMemory(file));
  if (!checkpoint.ok()) {
    ExpectGoodError(checkpoint.status());
    return 0;
  }
  FUZZ_EXPECT(checkpoint->step >= 0);
  // What was read is a model, and can be written and read again.
  const auto tensors = ReadTensors(checkpoint->weights);
  FUZZ_EXPECT(tensors.ok());
  const auto written = SerializeSafetensors({.metadata = {}, .tensors = *tensors});
  FUZZ_EXPECT(written.ok());
  const auto again = ParseSafetensors(*written);
  FUZZ_EXPECT(again.ok() && again->tensors.size() == tensors->size());
  return 0;
}
