#include "worker/transport/segment_codec.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

std::string Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& s : slices)
    bytes.append(reinterpret_cast<const char*>(s.begin()), s.size());
  return bytes;
}

// The bytes in slices of `piece`.
grpc::ByteBuffer InPieces(const std::string& bytes, size_t piece) {
  std::vector<grpc::Slice> slices;
  for (size_t i = 0; i < bytes.size(); i += piece) slices.emplace_back(bytes.substr(i, piece));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

SegmentHeader FullHeader() {
  SegmentHeader header{
      .collective = 0x0102030405060708, .chunk = 300, .offset_bytes = 1 << 20, .wire_dtype = 1};
  header.times = {11, -12, 13, 14, -15, 16, 1'700'000'000'000'000'000, 18, 19};
  return header;
}

v1::PeerMessage ToProto(const SegmentHeader& header, const std::string& payload) {
  v1::PeerMessage message;
  v1::Segment& segment = *message.mutable_segment();
  segment.set_collective(header.collective);
  segment.set_chunk(header.chunk);
  segment.set_offset_bytes(header.offset_bytes);
  segment.set_wire_dtype(header.wire_dtype);
  segment.set_handover_ns(header.times.handover_ns);
  segment.set_egress_start_ns(header.times.egress_start_ns);
  segment.set_first_bit_ns(header.times.first_bit_ns);
  segment.set_last_bit_ns(header.times.last_bit_ns);
  segment.set_jitter_ns(header.times.jitter_ns);
  segment.set_entered_ns(header.times.entered_ns);
  segment.set_ingress_ns(header.times.ingress_ns);
  segment.set_overshoot_ns(header.times.overshoot_ns);
  segment.set_sent_ns(header.times.sent_ns);
  segment.set_payload(payload);
  return message;
}

grpc::ByteBuffer Encode(const SegmentHeader& header, const std::string& payload, int* released) {
  return EncodeSegment(
      header, {reinterpret_cast<const std::byte*>(payload.data()), payload.size()},
      [](void* count) { ++*static_cast<int*>(count); }, released);
}

TEST(SegmentCodecTest, WritesTheBytesThatProtobufWrites) {
  const std::string payload(1000, 'x');
  int released = 0;
  for (const SegmentHeader& header : {FullHeader(), SegmentHeader()}) {
    EXPECT_EQ(Flatten(Encode(header, payload, &released)),
              ToProto(header, payload).SerializeAsString());
  }
}

TEST(SegmentCodecTest, ReadsWhatProtobufWritesHoweverItIsSliced) {
  const std::string payload = "0123456789abcdef";
  const std::string bytes = ToProto(FullHeader(), payload).SerializeAsString();
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto segment = DecodeSegment(InPieces(bytes, piece));
    ASSERT_TRUE(segment.ok()) << segment.status();
    EXPECT_EQ(PayloadToString(*segment), payload);
    EXPECT_EQ(segment->header.collective, FullHeader().collective);
    EXPECT_EQ(segment->header.offset_bytes, FullHeader().offset_bytes);
    EXPECT_EQ(segment->header.times.egress_start_ns, -12);
    EXPECT_EQ(segment->header.times.ingress_ns, FullHeader().times.ingress_ns);
    EXPECT_EQ(segment->header.times.overshoot_ns, FullHeader().times.overshoot_ns);
    EXPECT_EQ(segment->header.times.sent_ns, FullHeader().times.sent_ns);
  }
}

TEST(SegmentCodecTest, AProbeIsWhatItWasAndNoSegment) {
  for (const ClockProbe& probe : {ClockProbe{-5, 0, 0}, ClockProbe{1, int64_t{1} << 62, 3}}) {
    const grpc::ByteBuffer message = EncodeProbe(probe);
    const auto decoded = DecodeProbe(message);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->sent_ns, probe.sent_ns);
    EXPECT_EQ(decoded->received_ns, probe.received_ns);
    EXPECT_EQ(decoded->answered_ns, probe.answered_ns);
    EXPECT_FALSE(DecodeSegment(message).ok());
  }
  int released = 0;
  EXPECT_FALSE(DecodeProbe(Encode(FullHeader(), "0123", &released)).ok());
  EXPECT_FALSE(DecodeProbe(Encode(FullHeader(), std::string(1 << 20, 'x'), &released)).ok());
  EXPECT_FALSE(DecodeProbe(InPieces("no message", 3)).ok());
}

TEST(SegmentCodecTest, ReleasesThePayloadOnceWhenTheLastReferenceGoes) {
  const std::string payload(10'000, 'x');
  int released = 0;
  {
    const grpc::ByteBuffer message = Encode(FullHeader(), payload, &released);
    const grpc::ByteBuffer copy = message;
    EXPECT_EQ(released, 0);
  }
  EXPECT_EQ(released, 1);
}

TEST(SegmentCodecTest, ThePayloadIsReferencedNotCopied) {
  const std::string payload(10'000, 'x');
  int released = 0;
  std::vector<grpc::Slice> slices;
  const grpc::ByteBuffer message = Encode(FullHeader(), payload, &released);
  ASSERT_TRUE(message.Dump(&slices).ok());
  EXPECT_EQ(slices.back().begin(), reinterpret_cast<const uint8_t*>(payload.data()));
}

TEST(SegmentCodecTest, EveryTruncationIsAnError) {
  const std::string bytes = ToProto(FullHeader(), "0123456789").SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeSegment(InPieces(bytes.substr(0, size), 7)).ok()) << size;
  }
}

TEST(SegmentCodecTest, EveryBitFlipIsAnErrorOrAnotherSegmentButNeverMore) {
  const std::string bytes = ToProto(FullHeader(), "0123456789").SerializeAsString();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto segment = DecodeSegment(InPieces(flipped, 5));
    EXPECT_TRUE(!segment.ok() || segment->payload_bytes <= static_cast<int64_t>(bytes.size()));
  }
}

TEST(SegmentCodecTest, AnOversizedPayloadIsRefused) {
  const std::string bytes = ToProto({}, std::string(kMaxSegmentBytes + 1, 'x')).SerializeAsString();
  EXPECT_THAT(std::string(DecodeSegment(InPieces(bytes, 1 << 20)).status().message()),
              HasSubstr("too large"));
}

TEST(SegmentCodecTest, AHelloSurvivesAndASegmentIsNotOne) {
  v1::Hello hello;
  hello.set_job("job");
  hello.set_rank(3);
  const auto decoded = DecodeHello(EncodeHello(hello));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->rank(), 3);
  EXPECT_FALSE(DecodeHello(InPieces(ToProto(FullHeader(), "x").SerializeAsString(), 100)).ok());
  EXPECT_FALSE(DecodeSegment(EncodeHello(hello)).ok());
}

}  // namespace
}  // namespace edgetp
