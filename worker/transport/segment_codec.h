// The wire form of what peers exchange. A segment is PeerMessage{segment} of proto/edgetp/v1/peer.proto, written as a
// header slice and a payload slice that points at the caller's memory, and read back from the
// slices that gRPC received without copying the payload. Used by peer_group and schedule_executor.
// Thread-safe (pure functions).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/collective/segments.h"
#include "edgetp/v1/peer.pb.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace edgetp {

// Room for the fields around a payload.
inline constexpr int64_t kMaxSegmentHeaderBytes = 256;
inline constexpr int64_t kMaxHelloBytes = 4096;

// Emulation stamps, nanoseconds of CLOCK_MONOTONIC; fields as in peer.proto. Zero last_bit_ns: not
// emulated.
struct SegmentTimes {
  int64_t handover_ns = 0;
  int64_t egress_start_ns = 0;
  int64_t first_bit_ns = 0;
  int64_t last_bit_ns = 0;
  int64_t jitter_ns = 0;
  int64_t entered_ns = 0;
  int64_t ingress_ns = 0;
  int64_t overshoot_ns = 0;  // a span: of the sender's hold; zero: not held (holding_transport.h)
  int64_t sent_ns = 0;       // to another host
  // A span, and not on the wire: by how much the receiver may be wrong about the above
  // (host_clocks.h).
  int64_t clock_bound_ns = 0;
};

// A question for the peer's time, or its answer; fields as in peer.proto.
struct ClockProbe {
  int64_t sent_ns = 0;
  int64_t received_ns = 0;
  int64_t answered_ns = 0;  // zero: a question
};

struct SegmentHeader {
  uint64_t collective = 0;
  uint32_t chunk = 0;
  uint64_t offset_bytes = 0;
  uint32_t wire_dtype = 0;
  SegmentTimes times;
};

struct ReceivedSegment {
  SegmentHeader header;
  std::vector<grpc::Slice>
      payload;  // in order; a slice may start at any address and end inside an element
  int64_t payload_bytes = 0;
};

// The message. `release(argument)` is called once, on any thread, when gRPC no longer reads
// `payload`.
grpc::ByteBuffer EncodeSegment(const SegmentHeader& header, absl::Span<const std::byte> payload,
                               void (*release)(void*), void* argument);

// Errors: InvalidArgument (not a PeerMessage with exactly one segment, or a payload above
// kMaxSegmentBytes).
absl::StatusOr<ReceivedSegment> DecodeSegment(const grpc::ByteBuffer& message);

grpc::ByteBuffer EncodeHello(const v1::Hello& hello);

// Errors: InvalidArgument (not a PeerMessage with a hello, or larger than kMaxHelloBytes).
absl::StatusOr<v1::Hello> DecodeHello(const grpc::ByteBuffer& message);

grpc::ByteBuffer EncodeProbe(const ClockProbe& probe);

// Errors: InvalidArgument (not a PeerMessage with a clock's question or answer).
absl::StatusOr<ClockProbe> DecodeProbe(const grpc::ByteBuffer& message);

// Copies the payload of `segment` into one piece. For tests and tools; the executor reads the
// slices in place.
std::string PayloadToString(const ReceivedSegment& segment);

}  // namespace edgetp
