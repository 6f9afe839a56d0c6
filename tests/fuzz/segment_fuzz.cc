// What a peer sends, in slices that are cut anywhere: our decoder and protobuf's agree, what was
// decoded can be encoded again, and a payload is read to its last byte, granule by granule.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "worker/transport/peer_payload.h"
#include "worker/transport/segment_codec.h"

namespace edgetp {
namespace {

// The bytes in slices of 0 to 15 bytes, or some of them longer.
grpc::ByteBuffer Cut(const std::string& bytes, uint64_t seed) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size();) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const size_t size = (seed >> 40) % ((seed >> 33) % 7 == 0 ? 200 : 16);
    slices.emplace_back(bytes.substr(at, size));
    at += size;
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  FUZZ_EXPECT(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

void ExpectElements(const ReceivedSegment& segment, const std::string& payload) {
  for (const size_t granule_bytes : {1, 2, 4, 17, 34, 130, 4098}) {
    std::string read;
    ForEachPiece(segment, granule_bytes, [&](const std::byte* in, size_t granules) {
      FUZZ_EXPECT(read.size() % granule_bytes == 0 && granules > 0);
      const size_t left = payload.size() - read.size();
      read.append(reinterpret_cast<const char*>(in), std::min(granules * granule_bytes, left));
    });
    FUZZ_EXPECT(read == payload);
  }
}

void ExpectSegment(const std::string& bytes, const ReceivedSegment& segment, uint64_t seed) {
  const std::string payload = PayloadToString(segment);
  FUZZ_EXPECT(segment.payload_bytes == static_cast<int64_t>(payload.size()));
  ExpectElements(segment, payload);
  v1::PeerMessage message;
  FUZZ_EXPECT(message.ParseFromString(bytes) && message.has_segment());
  const v1::Segment& proto = message.segment();
  FUZZ_EXPECT(proto.payload() == payload);
  FUZZ_EXPECT(proto.collective() == segment.header.collective);
  FUZZ_EXPECT(proto.chunk() == segment.header.chunk);
  FUZZ_EXPECT(proto.offset_bytes() == segment.header.offset_bytes);
  FUZZ_EXPECT(proto.wire_dtype() == segment.header.wire_dtype);
  FUZZ_EXPECT(proto.handover_ns() == segment.header.times.handover_ns);
  FUZZ_EXPECT(proto.last_bit_ns() == segment.header.times.last_bit_ns);
  FUZZ_EXPECT(proto.overshoot_ns() == segment.header.times.overshoot_ns);
  FUZZ_EXPECT(proto.sent_ns() == segment.header.times.sent_ns);
  int released = 0;
  {
    const grpc::ByteBuffer again = EncodeSegment(
        segment.header, {reinterpret_cast<const std::byte*>(payload.data()), payload.size()},
        [](void* count) { ++*static_cast<int*>(count); }, &released);
    FUZZ_EXPECT(Flatten(again) == message.SerializeAsString());
    FUZZ_EXPECT(DecodeSegment(Cut(Flatten(again), seed + 1)).ok());
  }
  FUZZ_EXPECT(released == 1);
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  // It would tell of each string that is not UTF-8.
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  (void)silenced;
  FuzzInput input(data, size);
  const uint64_t seed = input.Byte();
  const std::string bytes = input.Text();
  const grpc::ByteBuffer message = Cut(bytes, seed);
  if (const auto segment = DecodeSegment(message); segment.ok()) {
    ExpectSegment(bytes, *segment, seed);
  } else {
    ExpectGoodError(segment.status());
  }
  if (const auto hello = DecodeHello(message); hello.ok()) {
    FUZZ_EXPECT(DecodeHello(EncodeHello(*hello)).ok());
  } else {
    ExpectGoodError(hello.status());
  }
  if (const auto probe = DecodeProbe(message); probe.ok()) {
    FUZZ_EXPECT(DecodeProbe(EncodeProbe(*probe)).ok());
  } else {
    ExpectGoodError(probe.status());
  }
  return 0;
}
