// A mahimahi trace file: what is accepted delivers every message, the later the more there is to
// send.
#include "common/network/mahimahi_trace.h"
#include "common/network/trace_config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const auto opportunities_ms = ParseMahimahiTrace(FuzzInput(data, size).Text(), "fuzz");
  if (!opportunities_ms.ok()) {
    ExpectGoodError(opportunities_ms.status());
    return 0;
  }
  FUZZ_EXPECT(CheckOpportunities(*opportunities_ms).ok());
  v1::LinkConfig link;
  SetTrace(*opportunities_ms, &link);
  FUZZ_EXPECT(TraceTimes(link).value() == *opportunities_ms);
  const MahimahiTrace trace(*opportunities_ms);
  FUZZ_EXPECT(trace.MeanBitsPerSecond() > 0);
  for (const absl::Duration start :
       {absl::ZeroDuration(), absl::Microseconds(1), absl::Milliseconds(12345), absl::Hours(24)}) {
    absl::Duration last = start;
    for (const int64_t bytes : {0, 1, 1500, 1501, 4 << 20}) {
      const absl::Duration finish = trace.Finish(start, bytes);
      FUZZ_EXPECT(finish >= last && finish < absl::InfiniteDuration());
      last = finish;
    }
  }
  return 0;
}
