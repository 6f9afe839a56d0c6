// Names of wire formats, and bytes that somebody says are values in one: a name that is accepted is
// printed as one that means the same; any bytes are decoded within their bounds; what was encoded
// has the length that was promised, and is cut at granules.
#include <algorithm>
#include <cstring>
#include <vector>

#include "common/collective/schedule.h"
#include "common/collective/segments.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

// Fenced: a write beyond the end shows.
constexpr std::byte kFence{0xa5};

void ExpectValues(const WireFormat& wire, int64_t elements, const std::string& bytes) {
  std::vector<std::byte> in(wire.WireBytes(elements));
  for (size_t i = 0; i < std::min(in.size(), bytes.size()); ++i)
    in[i] = static_cast<std::byte>(bytes[i]);
  std::vector<float> values(elements, 1.0f);
  wire.Decode(in.data(), absl::MakeSpan(values));
  std::vector<std::byte> out(in.size() + 1, kFence);
  wire.Encode(values, out.data());
  FUZZ_EXPECT(out.back() == kFence);
  std::vector<float> decoded(elements);
  wire.Decode(out.data(), absl::MakeSpan(decoded));
  wire.Round(absl::MakeSpan(values));
  FUZZ_EXPECT(values.empty() ||
              std::memcmp(values.data(), decoded.data(), values.size() * sizeof(float)) == 0);
  wire.DecodeAdd(out.data(), absl::MakeSpan(decoded));
}

void ExpectCuts(const WireFormat& wire, int64_t elements, int chunks, int64_t segment_bytes) {
  int64_t next = 0;
  int64_t bytes = 0;
  for (const ChunkRange& chunk : EvenChunks(elements, chunks, wire.granule())) {
    FUZZ_EXPECT(chunk.begin == next && chunk.end >= chunk.begin);
    FUZZ_EXPECT(chunk.size() == 0 || chunk.begin % wire.granule() == 0);
    next = chunk.end;
    const Segmentation cut(wire, chunk.size(), segment_bytes);
    for (int64_t i = 0; i < cut.count(); ++i) {
      FUZZ_EXPECT(cut.at(i).elements > 0);
      FUZZ_EXPECT(cut.at(i).size_bytes == wire.WireBytes(cut.at(i).elements));
      bytes += cut.at(i).size_bytes;
    }
  }
  FUZZ_EXPECT(next == elements && bytes == wire.WireBytes(elements));
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  FuzzInput input(data, size);
  const int64_t elements = input.Within(0, 10'000);
  const int chunks = input.Within(1, 16);
  const int64_t segment_bytes = input.Within(1, 5000);
  const std::string text = input.Text(1 + input.Byte() % 24);
  const auto wire = WireFormat::Parse(text);
  if (!wire.ok()) {
    ExpectGoodError(wire.status());
    return 0;
  }
  const auto again = WireFormat::Parse(wire->name());
  FUZZ_EXPECT(again.ok() && *again == *wire);
  ExpectValues(*wire, elements, input.Text());
  ExpectCuts(*wire, elements, chunks, segment_bytes);
  return 0;
}
