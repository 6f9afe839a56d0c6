// Client side of the service Blobs: corpora, weights and checkpoints travel in chunks of 1 MiB, and
// both sides check size and SHA-256. What is large is read in ranges and sent piece by piece: nobody
// needs to hold it. Thread-safe (no state), but for BlobUpload.
#pragma once

#include <grpcpp/client_context.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/byte_source.h"
#include "common/base/clock.h"
#include "common/rpc/digest.h"
#include "edgetp/v1/control.grpc.pb.h"

namespace edgetp {

inline constexpr int64_t kBlobChunkBytes = 1 << 20;

// The most that a server can be told to let a transfer take (--transfer_minutes). Clients wait as
// long: a server that is gone, or stopped, ends the call within seconds.
inline constexpr absl::Duration kLongestTransfer = absl::Hours(1);

// A blob on its way to the server, under an id that the caller gives ("checkpoint:<run>/<step>"). Its
// digest travels last, so that nobody has to see the bytes twice. Not thread-safe; one owner each. An
// upload that is not finished is cut off: the server keeps nothing of it.
class BlobUpload {
 public:
  // `sha256`: where it is known, else empty.
  BlobUpload(v1::Blobs::StubInterface* stub, const std::string& id, uint64_t size_bytes,
             absl::Time deadline = MonotonicNow() + kLongestTransfer,
             const std::string& sha256 = "");
  ~BlobUpload();

  // Blocks until: they are on their way. False once the server has answered: it takes no more, or has
  // the blob already. Finish says which.
  bool Write(absl::string_view bytes);

  // Call once, last. Returns the blob's id.
  // Blocks until: all is stored, or the deadline.
  // Errors: those of Blobs.Put; Cancelled if the server found it too slow.
  absl::StatusOr<std::string> Finish();

 private:
  const std::string attempt_;
  grpc::ClientContext context_;
  v1::PutBlobResponse response_;
  std::unique_ptr<grpc::ClientWriterInterface<v1::BlobChunk>> writer_;
  v1::BlobChunk chunk_;
  Sha256 digest_;
  bool takes_ = true;
  bool finished_ = false;
};

// Stores bytes on the server. Returns the blob's id, "sha256:<hex>". A stream is read twice.
// Blocks until: all is stored, or `deadline` (monotonic clock).
// Errors: those of Blobs.Put and of the stream; Cancelled if the server found it too slow.
absl::StatusOr<std::string> PutBlob(v1::Blobs::StubInterface* stub, const ByteStream& bytes,
                                    absl::Time deadline = MonotonicNow() + kLongestTransfer);
absl::StatusOr<std::string> PutBlob(v1::Blobs::StubInterface* stub, const std::string& bytes,
                                    absl::Time deadline = MonotonicNow() + kLongestTransfer);

// Small ones under an id that the caller gives, from several places.
absl::StatusOr<std::string> PutBlobAs(v1::Blobs::StubInterface* stub, const std::string& id,
                                      absl::Span<const absl::string_view> pieces,
                                      absl::Time deadline = MonotonicNow() + kLongestTransfer);

// Fetches the bytes of "sha256:<hex>", "run:<name>" or "checkpoint:<run>/<step>".
// Errors: those of Blobs.Get; Cancelled if the server found it too slow; DataLoss if size or
// SHA-256 differ from the header.
absl::StatusOr<std::string> GetBlob(v1::Blobs::StubInterface* stub, const std::string& id,
                                    absl::Time deadline = MonotonicNow() + kLongestTransfer);

// The same, read in ranges as they are needed. What is read belongs to one file: "run:<name>" is that
// which is the newest now. `stub` outlives the source.
// Blocks until: the server has said how large it is.
// Errors: as GetBlob, here and of Read.
absl::StatusOr<std::shared_ptr<const ByteSource>> OpenBlob(v1::Blobs::StubInterface* stub,
                                                           const std::string& id);

}  // namespace edgetp
