#include "common/rpc/blobs.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/deadline.h"
#include "common/rpc/digest.h"
#include "common/rpc/status.h"

namespace edgetp {
namespace {

// What a transfer has ended with. A server cuts off one that is too slow, and can say nothing more.
absl::Status EndOf(const grpc::Status& status, const std::string& attempt) {
  const absl::Status end = Annotate(FromGrpc(status), attempt);
  if (!absl::IsCancelled(end)) return end;
  return absl::CancelledError(
      absl::StrCat(std::string(end.message()),
                   ": the server ends what takes longer than its --transfer_minutes"));
}

// What the chunks of a range say beside their bytes.
struct Received {
  v1::BlobHeader header;  // the first one
  uint64_t bytes = 0;
};

// A range of a blob. The digest of what was sent comes with the last chunk.
absl::StatusOr<Received> Receive(v1::Blobs::StubInterface* stub, const v1::GetBlobRequest& request,
                                 absl::Time deadline, const ByteSink& sink) {
  const std::string attempt = absl::StrCat("get blob ", request.id());
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(deadline));
  const std::unique_ptr<grpc::ClientReaderInterface<v1::BlobChunk>> reader =
      stub->Get(&context, request);
  Received received;
  Sha256 digest;
  std::string sha256;
  v1::BlobChunk chunk;
  for (bool first = true; reader->Read(&chunk); first = false) {
    if (first) received.header = chunk.header();
    if (chunk.has_header()) sha256 = chunk.header().sha256();
    digest.Update(chunk.data().data(), chunk.data().size());
    received.bytes += chunk.data().size();
    if (const absl::Status taken = sink(chunk.data()); !taken.ok()) {
      context.TryCancel();
      return Annotate(taken, attempt);
    }
  }
  RETURN_IF_ERROR(EndOf(reader->Finish(), attempt));
  if (const std::string got = digest.HexDigest(); got != sha256) {
    return absl::DataLossError(
        absl::StrCat(attempt, ": SHA-256 mismatch (want=", sha256, " got=", got, ")"));
  }
  return received;
}

absl::Status SizeMismatch(const std::string& id, uint64_t want, uint64_t got) {
  return absl::DataLossError(
      absl::StrCat("get blob ", id, ": size mismatch (want=", want, " got=", got, ")"));
}

class RemoteBytes final : public ByteSource {
 public:
  RemoteBytes(v1::Blobs::StubInterface* stub, const v1::BlobHeader& header)
      : stub_(stub), id_(header.id()), size_(static_cast<uint64_t>(header.size_bytes())) {}

  uint64_t size() const override { return size_; }
  absl::Status Read(uint64_t offset, absl::Span<char> out) const override {
    if (out.empty()) return absl::OkStatus();
    v1::GetBlobRequest request;
    request.set_id(id_);
    request.set_offset(offset);
    request.set_length(out.size());
    size_t at = 0;
    const ByteSink fill = [&](absl::string_view bytes) {
      if (bytes.size() > out.size() - at) return SizeMismatch(id_, out.size(), at + bytes.size());
      std::memcpy(out.data() + at, bytes.data(), bytes.size());
      at += bytes.size();
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(Receive(stub_, request, MonotonicNow() + kLongestTransfer, fill).status());
    return at == out.size() ? absl::OkStatus() : SizeMismatch(id_, out.size(), at);
  }

 private:
  v1::Blobs::StubInterface* const stub_;
  const std::string id_;
  const uint64_t size_;
};

}  // namespace

BlobUpload::BlobUpload(v1::Blobs::StubInterface* stub, const std::string& id, uint64_t size_bytes,
                       absl::Time deadline, const std::string& sha256)
    : attempt_(absl::StrCat("put blob ", id)) {
  context_.set_deadline(GrpcDeadline(deadline));
  writer_ = stub->Put(&context_, &response_);
  v1::BlobHeader* const header = chunk_.mutable_header();
  header->set_id(id);
  header->set_size_bytes(static_cast<int64_t>(size_bytes));
  header->set_sha256(sha256);
  takes_ = writer_->Write(chunk_);
  chunk_.clear_header();
}

BlobUpload::~BlobUpload() {
  if (finished_) return;
  context_.TryCancel();
  (void)writer_->Finish();  // cut off, whatever it says
}

bool BlobUpload::Write(absl::string_view bytes) {
  for (size_t at = 0; takes_ && at < bytes.size(); at += kBlobChunkBytes) {
    const absl::string_view part = bytes.substr(at, kBlobChunkBytes);
    digest_.Update(part.data(), part.size());
    chunk_.set_data(part.data(), part.size());
    takes_ = writer_->Write(chunk_);
  }
  return takes_;
}

absl::StatusOr<std::string> BlobUpload::Finish() {
  chunk_.clear_data();
  chunk_.mutable_header()->set_sha256(digest_.HexDigest());
  // It stops early when the server has answered: it may know the blob already.
  if (takes_ && writer_->Write(chunk_)) writer_->WritesDone();
  finished_ = true;
  RETURN_IF_ERROR(EndOf(writer_->Finish(), attempt_));
  return response_.id();
}

absl::StatusOr<std::string> PutBlob(v1::Blobs::StubInterface* stub, const ByteStream& bytes,
                                    absl::Time deadline) {
  ASSIGN_OR_RETURN(const std::string sha256, Sha256Hex(bytes));
  BlobUpload upload(stub, absl::StrCat("sha256:", sha256), bytes.size, deadline, sha256);
  bool takes = true;
  const absl::Status sent = bytes.send([&](absl::string_view piece) {
    takes = upload.Write(piece);
    return takes ? absl::OkStatus() : absl::AbortedError("the server has answered");
  });
  if (takes) RETURN_IF_ERROR(sent);
  return upload.Finish();
}

absl::StatusOr<std::string> PutBlob(v1::Blobs::StubInterface* stub, const std::string& bytes,
                                    absl::Time deadline) {
  const ByteStream stream{bytes.size(), [&bytes](const ByteSink& sink) { return sink(bytes); }};
  return PutBlob(stub, stream, deadline);
}

absl::StatusOr<std::string> PutBlobAs(v1::Blobs::StubInterface* stub, const std::string& id,
                                      absl::Span<const absl::string_view> pieces,
                                      absl::Time deadline) {
  uint64_t size = 0;
  for (const absl::string_view piece : pieces) size += piece.size();
  BlobUpload upload(stub, id, size, deadline);
  for (const absl::string_view piece : pieces) {
    if (!upload.Write(piece)) break;
  }
  return upload.Finish();
}

absl::StatusOr<std::string> GetBlob(v1::Blobs::StubInterface* stub, const std::string& id,
                                    absl::Time deadline) {
  v1::GetBlobRequest request;
  request.set_id(id);
  std::string bytes;
  const ByteSink append = [&bytes](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const Received received, Receive(stub, request, deadline, append));
  if (const auto want = static_cast<uint64_t>(received.header.size_bytes()); want != bytes.size())
    return SizeMismatch(id, want, bytes.size());
  return bytes;
}

absl::StatusOr<std::shared_ptr<const ByteSource>> OpenBlob(v1::Blobs::StubInterface* stub,
                                                           const std::string& id) {
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + kLongestTransfer));
  v1::GetBlobRequest request;
  request.set_id(id);
  const std::unique_ptr<grpc::ClientReaderInterface<v1::BlobChunk>> reader =
      stub->Get(&context, request);
  v1::BlobChunk chunk;
  const std::string attempt = absl::StrCat("get blob ", id);
  if (!reader->Read(&chunk)) {
    RETURN_IF_ERROR(EndOf(reader->Finish(), attempt));
    return absl::DataLossError(absl::StrCat(attempt, ": the server has sent no header"));
  }
  // Its first chunk says what there is; the rest is asked for in ranges.
  context.TryCancel();
  (void)reader->Finish();
  return std::shared_ptr<const ByteSource>(std::make_shared<RemoteBytes>(stub, chunk.header()));
}

}  // namespace edgetp
