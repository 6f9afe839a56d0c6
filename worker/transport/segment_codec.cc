#include "worker/transport/segment_codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2 };

constexpr uint32_t Tag(uint32_t field, WireType type) { return field << 3 | type; }

constexpr uint32_t kMessageSegment = Tag(2, kLengthDelimited);
// Three numbers of nine bytes, and what is around them.
constexpr size_t kMaxProbeBytes = 64;
constexpr uint32_t kPayload = Tag(15, kLengthDelimited);
static_assert(kPayload < 128, "every tag of a Segment is one byte");

// Writes the fields of a header; proto3 omits zeros, and so do we, to give protobuf's own bytes.
class HeaderWriter {
 public:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value | 0x80));
    Byte(static_cast<uint8_t>(value));
  }
  void VarintField(uint32_t field, uint64_t value) {
    if (value == 0) return;
    Varint(Tag(field, kVarint));
    Varint(value);
  }
  void Fixed64Field(uint32_t field, uint64_t value) {
    if (value == 0) return;
    Varint(Tag(field, kFixed64));
    for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(value >> (8 * i)));
  }
  void Append(const HeaderWriter& other) {
    std::memcpy(bytes_.data() + size_, other.bytes_.data(), other.size_);
    size_ += other.size_;
  }
  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return size_; }

 private:
  void Byte(uint8_t value) { bytes_[size_++] = value; }

  std::array<uint8_t, kMaxSegmentHeaderBytes> bytes_;
  size_t size_ = 0;
};

// Reads protobuf's wire format from a list of slices.
class SliceReader {
 public:
  explicit SliceReader(const std::vector<grpc::Slice>& slices) : slices_(slices) {
    for (const grpc::Slice& slice : slices) remaining_ += slice.size();
  }

  uint64_t remaining() const { return remaining_; }
  bool ok() const { return ok_; }

  uint8_t Byte() {
    while (slice_ < slices_.size() && offset_ == slices_[slice_].size()) NextSlice();
    if (slice_ == slices_.size()) {
      ok_ = false;
      return 0;
    }
    --remaining_;
    return slices_[slice_].begin()[offset_++];
  }
  // Of a tag or a length: like protobuf, no more than five bytes.
  uint64_t ShortVarint() { return Varint(5); }
  uint64_t Varint(int most_bytes = 10) {
    uint64_t value = 0;
    for (int shift = 0; shift < 7 * most_bytes; shift += 7) {
      const uint8_t byte = Byte();
      if (shift == 63 && byte > 1) break;  // more than 64 bits
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  uint64_t Fixed64() {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= static_cast<uint64_t>(Byte()) << (8 * i);
    return value;
  }
  // The next `size` bytes, by reference.
  std::vector<grpc::Slice> Take(uint64_t size) {
    std::vector<grpc::Slice> result;
    if (size > remaining_) {
      ok_ = false;
      return result;
    }
    remaining_ -= size;
    while (size > 0) {
      const uint64_t piece = std::min<uint64_t>(size, slices_[slice_].size() - offset_);
      if (piece > 0) result.push_back(slices_[slice_].sub(offset_, offset_ + piece));
      offset_ += piece;
      size -= piece;
      if (offset_ == slices_[slice_].size()) NextSlice();
    }
    return result;
  }

 private:
  void NextSlice() {
    ++slice_;
    offset_ = 0;
  }

  const std::vector<grpc::Slice>& slices_;
  size_t slice_ = 0;
  size_t offset_ = 0;
  uint64_t remaining_ = 0;
  bool ok_ = true;
};

absl::Status Malformed(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("peer message: ", what));
}

// Field `tag` of a segment, unless it is the payload. False if the proto has no such field.
bool ReadField(uint32_t tag, SliceReader& reader, SegmentHeader& header) {
  SegmentTimes& times = header.times;
  const auto fixed = [&reader] { return static_cast<int64_t>(reader.Fixed64()); };
  switch (tag) {
    case Tag(1, kFixed64):
      header.collective = reader.Fixed64();
      return true;
    case Tag(2, kVarint):
      header.chunk = static_cast<uint32_t>(reader.Varint());
      return true;
    case Tag(3, kFixed64):
      header.offset_bytes = reader.Fixed64();
      return true;
    case Tag(4, kVarint):
      header.wire_dtype = static_cast<uint32_t>(reader.Varint());
      return true;
    case Tag(5, kFixed64):
      times.handover_ns = fixed();
      return true;
    case Tag(6, kFixed64):
      times.egress_start_ns = fixed();
      return true;
    case Tag(7, kFixed64):
      times.first_bit_ns = fixed();
      return true;
    case Tag(8, kFixed64):
      times.last_bit_ns = fixed();
      return true;
    case Tag(9, kFixed64):
      times.jitter_ns = fixed();
      return true;
    case Tag(10, kFixed64):
      times.entered_ns = fixed();
      return true;
    case Tag(11, kFixed64):
      times.ingress_ns = fixed();
      return true;
    case Tag(12, kFixed64):
      times.overshoot_ns = fixed();
      return true;
    case Tag(13, kFixed64):
      times.sent_ns = fixed();
      return true;
    default:
      return false;
  }
}

std::vector<grpc::Slice> Slices(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) slices.clear();
  return slices;
}

grpc::ByteBuffer Serialize(const v1::PeerMessage& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

// What is small. Empty if it is malformed.
v1::PeerMessage Parse(const grpc::ByteBuffer& message) {
  std::string bytes;
  for (const grpc::Slice& slice : Slices(message)) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  v1::PeerMessage parsed;
  if (!parsed.ParseFromString(bytes)) parsed.Clear();
  return parsed;
}

}  // namespace

grpc::ByteBuffer EncodeSegment(const SegmentHeader& header, absl::Span<const std::byte> payload,
                               void (*release)(void*), void* argument) {
  HeaderWriter fields;
  const SegmentTimes& times = header.times;
  fields.Fixed64Field(1, header.collective);
  fields.VarintField(2, header.chunk);
  fields.Fixed64Field(3, header.offset_bytes);
  fields.VarintField(4, header.wire_dtype);
  const int64_t stamps[] = {times.handover_ns, times.egress_start_ns, times.first_bit_ns,
                            times.last_bit_ns, times.jitter_ns,       times.entered_ns,
                            times.ingress_ns,  times.overshoot_ns,    times.sent_ns};
  uint32_t field = 5;
  for (const int64_t stamp : stamps) fields.Fixed64Field(field++, static_cast<uint64_t>(stamp));
  if (!payload.empty()) {
    fields.Varint(kPayload);
    fields.Varint(payload.size());
  }
  HeaderWriter message;
  message.Varint(kMessageSegment);
  message.Varint(fields.size() + payload.size());
  message.Append(fields);
  const grpc::Slice slices[] = {
      grpc::Slice(message.data(), message.size()),
      grpc::Slice(const_cast<std::byte*>(payload.data()), payload.size(), release, argument)};
  return grpc::ByteBuffer(slices, 2);
}

absl::StatusOr<ReceivedSegment> DecodeSegment(const grpc::ByteBuffer& message) {
  const std::vector<grpc::Slice> slices = Slices(message);
  SliceReader reader(slices);
  if (reader.ShortVarint() != kMessageSegment || !reader.ok()) return Malformed("not a segment");
  const uint64_t length = reader.ShortVarint();
  if (!reader.ok() || length != reader.remaining())
    return Malformed("segment length differs from the message's");
  ReceivedSegment segment;
  while (reader.ok() && reader.remaining() > 0) {
    const uint64_t tag = reader.ShortVarint();
    if (tag == kPayload) {
      const uint64_t size = reader.ShortVarint();
      if (size > static_cast<uint64_t>(kMaxSegmentBytes)) {
        return Malformed(
            absl::StrCat("payload too large (bytes=", size, " limit=", kMaxSegmentBytes, ")"));
      }
      segment.payload = reader.Take(size);
      segment.payload_bytes = static_cast<int64_t>(size);
    } else if (tag > 127 || !ReadField(static_cast<uint32_t>(tag), reader, segment.header)) {
      return Malformed(absl::StrCat("unknown field of a segment (tag=", tag, ")"));
    }
  }
  if (!reader.ok()) return Malformed("segment is truncated");
  return segment;
}

grpc::ByteBuffer EncodeHello(const v1::Hello& hello) {
  v1::PeerMessage message;
  *message.mutable_hello() = hello;
  return Serialize(message);
}

absl::StatusOr<v1::Hello> DecodeHello(const grpc::ByteBuffer& message) {
  if (message.Length() > static_cast<size_t>(kMaxHelloBytes)) return Malformed("hello too large");
  const v1::PeerMessage parsed = Parse(message);
  if (!parsed.has_hello()) return Malformed("not a hello");
  return parsed.hello();
}

grpc::ByteBuffer EncodeProbe(const ClockProbe& probe) {
  v1::PeerMessage message;
  message.mutable_clock()->set_sent_ns(probe.sent_ns);
  message.mutable_clock()->set_received_ns(probe.received_ns);
  message.mutable_clock()->set_answered_ns(probe.answered_ns);
  return Serialize(message);
}

absl::StatusOr<ClockProbe> DecodeProbe(const grpc::ByteBuffer& message) {
  if (message.Length() > kMaxProbeBytes) return Malformed("clock probe too large");
  const v1::PeerMessage parsed = Parse(message);
  if (!parsed.has_clock()) return Malformed("not a clock probe");
  const v1::ClockProbe& clock = parsed.clock();
  return ClockProbe{clock.sent_ns(), clock.received_ns(), clock.answered_ns()};
}

std::string PayloadToString(const ReceivedSegment& segment) {
  std::string bytes;
  for (const grpc::Slice& slice : segment.payload) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace edgetp
