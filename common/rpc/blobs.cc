#include "common/rpc/blobs.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/deadline.h"
#include "common/rpc/digest.h"
#include "common/rpc/status.h"

namespace edgetp {
namespace {

using Pieces = absl::Span<const absl::string_view>;

// The header, then the bytes, in chunks. Stops early when the server has answered: it may know the
// blob already.
void WriteChunks(grpc::ClientWriterInterface<v1::BlobChunk>* writer, v1::BlobHeader header,
                 Pieces pieces, const SentBytes& sent) {
  int64_t written = 0;
  v1::BlobChunk chunk;
  *chunk.mutable_header() = std::move(header);
  if (!writer->Write(chunk)) return;
  chunk.clear_header();
  for (const absl::string_view piece : pieces) {
    for (size_t at = 0; at < piece.size(); at += kBlobChunkBytes) {
      const absl::string_view part = piece.substr(at, kBlobChunkBytes);
      chunk.set_data(part.data(), part.size());
      if (!writer->Write(chunk)) return;
      written += static_cast<int64_t>(part.size());
      if (sent) sent(written);
    }
  }
  writer->WritesDone();
}

size_t SizeOf(Pieces pieces) {
  size_t size = 0;
  for (const absl::string_view piece : pieces) size += piece.size();
  return size;
}

std::string Sha256Of(Pieces pieces) {
  Sha256 digest;
  for (const absl::string_view piece : pieces) digest.Update(piece.data(), piece.size());
  return digest.HexDigest();
}

// What a transfer has ended with. A server cuts off one that is too slow, and can say nothing more.
absl::Status EndOf(const grpc::Status& status, const std::string& attempt) {
  const absl::Status end = Annotate(FromGrpc(status), attempt);
  if (!absl::IsCancelled(end)) return end;
  return absl::CancelledError(
      absl::StrCat(std::string(end.message()),
                   ": the server ends what takes longer than its --transfer_minutes"));
}

absl::StatusOr<std::string> Put(v1::Blobs::StubInterface* stub, const std::string& id,
                                const std::string& sha256, Pieces pieces, const SentBytes& sent,
                                absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(deadline));
  v1::PutBlobResponse response;
  const std::unique_ptr<grpc::ClientWriterInterface<v1::BlobChunk>> writer =
      stub->Put(&context, &response);
  v1::BlobHeader header;
  header.set_id(id);
  header.set_size_bytes(static_cast<int64_t>(SizeOf(pieces)));
  header.set_sha256(sha256);
  WriteChunks(writer.get(), std::move(header), pieces, sent);
  RETURN_IF_ERROR(EndOf(writer->Finish(), absl::StrCat("put blob ", id)));
  return response.id();
}

absl::Status CheckReceived(const v1::BlobHeader& header, const std::string& bytes) {
  if (header.size_bytes() != static_cast<int64_t>(bytes.size())) {
    return absl::DataLossError(
        absl::StrCat("size mismatch (want=", header.size_bytes(), " got=", bytes.size(), ")"));
  }
  const std::string sha256 = Sha256Hex(bytes);
  if (sha256 != header.sha256()) {
    return absl::DataLossError(
        absl::StrCat("SHA-256 mismatch (want=", header.sha256(), " got=", sha256, ")"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> PutBlob(v1::Blobs::StubInterface* stub, const std::string& bytes,
                                    absl::Time deadline) {
  const std::string sha256 = Sha256Hex(bytes);
  return Put(stub, absl::StrCat("sha256:", sha256), sha256, {bytes}, nullptr, deadline);
}

absl::StatusOr<std::string> PutBlobPieces(v1::Blobs::StubInterface* stub,
                                          absl::Span<const absl::string_view> pieces,
                                          absl::Time deadline) {
  const std::string sha256 = Sha256Of(pieces);
  return Put(stub, absl::StrCat("sha256:", sha256), sha256, pieces, nullptr, deadline);
}

absl::StatusOr<std::string> PutBlobAs(v1::Blobs::StubInterface* stub, const std::string& id,
                                      absl::Span<const absl::string_view> pieces,
                                      absl::Time deadline, const SentBytes& sent) {
  return Put(stub, id, Sha256Of(pieces), pieces, sent, deadline);
}

absl::StatusOr<std::string> GetBlob(v1::Blobs::StubInterface* stub, const std::string& id,
                                    absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(deadline));
  v1::GetBlobRequest request;
  request.set_id(id);
  const std::unique_ptr<grpc::ClientReaderInterface<v1::BlobChunk>> reader =
      stub->Get(&context, request);
  v1::BlobHeader header;
  std::string bytes;
  v1::BlobChunk chunk;
  while (reader->Read(&chunk)) {
    if (chunk.has_header()) header = chunk.header();
    bytes += chunk.data();
  }
  const std::string attempt = absl::StrCat("get blob ", id);
  RETURN_IF_ERROR(EndOf(reader->Finish(), attempt));
  RETURN_IF_ERROR(Annotate(CheckReceived(header, bytes), attempt));
  return bytes;
}

}  // namespace edgetp
