#include "server/blobs_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/byte_source.h"
#include "common/base/status_macros.h"
#include "common/rpc/blobs.h"
#include "common/rpc/digest.h"
#include "common/rpc/status.h"
#include "server/transfer_limit.h"

namespace edgetp {

grpc::Status BlobsService::Put(grpc::ServerContext* context,
                               grpc::ServerReader<v1::BlobChunk>* reader,
                               v1::PutBlobResponse* response) {
  if (const absl::Status admitted = options_.security->Admit(context->client_metadata());
      !admitted.ok()) {
    return ToGrpc(admitted);
  }
  const TransferLimit limit(context, options_.transfer_limit);
  const absl::Status received = Receive(reader, response);
  if (limit.cut_off()) {
    spdlog::warn("put blob {}: cut off after {}: slower than the server waits", response->id(),
                 absl::FormatDuration(options_.transfer_limit));
  }
  return ToGrpc(received);
}

grpc::Status BlobsService::Get(grpc::ServerContext* context, const v1::GetBlobRequest* request,
                               grpc::ServerWriter<v1::BlobChunk>* writer) {
  if (const absl::Status admitted = options_.security->Admit(context->client_metadata());
      !admitted.ok()) {
    return ToGrpc(admitted);
  }
  const TransferLimit limit(context, options_.transfer_limit);
  return ToGrpc(SendRange(*request, writer));
}

absl::Status BlobsService::Receive(grpc::ServerReader<v1::BlobChunk>* reader,
                                   v1::PutBlobResponse* response) {
  v1::BlobChunk chunk;
  if (!reader->Read(&chunk) || !chunk.has_header()) {
    return absl::InvalidArgumentError("put blob: the first chunk lacks its header");
  }
  const v1::BlobHeader header = chunk.header();
  RETURN_IF_ERROR(BlobStore::CheckHeader(header));
  response->set_id(header.id());
  const std::string run = BlobStore::RunOfCheckpoint(header.id());
  if (!run.empty() && !options_.active_run->Is(run)) {
    return absl::InvalidArgumentError(
        absl::StrCat("put blob ", header.id(), ": that run is not running"));
  }
  // What is here already need not travel again.
  if (run.empty() && options_.store->Find(header.id()).ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<IncomingBlob> blob, options_.store->Begin(header));
  std::string sha256;  // where the first chunk does not have it, the last one does
  do {
    sha256 = chunk.has_header() ? chunk.header().sha256() : "";
    RETURN_IF_ERROR(blob->Append(chunk.data()));
  } while (reader->Read(&chunk));
  return blob->Commit(sha256);
}

// The file is read once: its digest follows the bytes.
absl::Status BlobsService::SendRange(const v1::GetBlobRequest& request,
                                     grpc::ServerWriter<v1::BlobChunk>* writer) {
  ASSIGN_OR_RETURN(const std::string id, options_.store->Pin(request.id()));
  ASSIGN_OR_RETURN(const std::string path, options_.store->Find(id));
  auto opened = OpenFileBytes(path);
  RETURN_IF_ERROR(Annotate(opened.status(), "get blob"));
  const ByteSource& file = **opened;
  uint64_t at = request.offset();
  if (at > file.size() || request.length() > file.size() - at) {
    return absl::OutOfRangeError(absl::StrCat("get blob ", id, ": ", request.length(),
                                              " bytes from byte ", at, " on: it has ",
                                              file.size()));
  }
  const uint64_t end = request.length() == 0 ? file.size() : at + request.length();
  Sha256 digest;
  v1::BlobChunk chunk;
  chunk.mutable_header()->set_id(id);
  chunk.mutable_header()->set_size_bytes(static_cast<int64_t>(file.size()));
  std::string* const data = chunk.mutable_data();
  while (at < end) {
    data->resize(std::min<uint64_t>(kBlobChunkBytes, end - at));
    RETURN_IF_ERROR(file.Read(at, absl::MakeSpan(data->data(), data->size())));
    digest.Update(data->data(), data->size());
    at += data->size();
    if (!writer->Write(chunk)) return absl::CancelledError("get blob: the client is gone");
    chunk.clear_header();
  }
  chunk.clear_data();
  chunk.mutable_header()->set_id(id);
  chunk.mutable_header()->set_size_bytes(static_cast<int64_t>(file.size()));
  chunk.mutable_header()->set_sha256(digest.HexDigest());
  if (!writer->Write(chunk)) return absl::CancelledError("get blob: the client is gone");
  return absl::OkStatus();
}

}  // namespace edgetp
