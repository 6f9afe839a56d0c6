// Client side of the service Blobs: corpora, weights and checkpoints travel in chunks of 1 MiB, and
// both sides check size and SHA-256. Thread-safe (no state).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "edgetp/v1/control.grpc.pb.h"

namespace edgetp {

inline constexpr int64_t kBlobChunkBytes = 1 << 20;

// The most that a server can be told to let a transfer take (--transfer_minutes). Clients wait as
// long: a server that is gone, or stopped, ends the call within seconds.
inline constexpr absl::Duration kLongestTransfer = absl::Hours(1);

// Stores bytes on the server. Returns the blob's id, "sha256:<hex>".
// Blocks until: all is stored, or `deadline` (monotonic clock).
// Errors: those of Blobs.Put; Cancelled if the server found it too slow.
absl::StatusOr<std::string> PutBlob(v1::Blobs::StubInterface* stub, const std::string& bytes,
                                    absl::Time deadline = MonotonicNow() + kLongestTransfer);

// The same of bytes that lie in several places: what is large need not be put together first.
absl::StatusOr<std::string> PutBlobPieces(v1::Blobs::StubInterface* stub,
                                          absl::Span<const absl::string_view> pieces,
                                          absl::Time deadline = MonotonicNow() + kLongestTransfer);

// Told after each chunk how many bytes have been written.
using SentBytes = std::function<void(int64_t bytes)>;

// The same under an id that the caller gives ("checkpoint:<run>/<step>"). `sent` may be null.
absl::StatusOr<std::string> PutBlobAs(v1::Blobs::StubInterface* stub, const std::string& id,
                                      absl::Span<const absl::string_view> pieces,
                                      absl::Time deadline = MonotonicNow() + kLongestTransfer,
                                      const SentBytes& sent = nullptr);

// Fetches the bytes of "sha256:<hex>" or "run:<name>".
// Errors: those of Blobs.Get; Cancelled if the server found it too slow; DataLoss if size or
// SHA-256 differ from the header.
absl::StatusOr<std::string> GetBlob(v1::Blobs::StubInterface* stub, const std::string& id,
                                    absl::Time deadline = MonotonicNow() + kLongestTransfer);

}  // namespace edgetp
