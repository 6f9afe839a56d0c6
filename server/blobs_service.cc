#include "server/blobs_service.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
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
  return ToGrpc(SendFile(request->id(), writer));
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
  do {
    RETURN_IF_ERROR(blob->Append(chunk.data()));
  } while (reader->Read(&chunk));
  return blob->Commit();
}

absl::Status BlobsService::SendFile(const std::string& id,
                                    grpc::ServerWriter<v1::BlobChunk>* writer) {
  ASSIGN_OR_RETURN(const std::string path, options_.store->Find(id));
  ASSIGN_OR_RETURN(const std::string sha256, Sha256HexOfFile(path));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (file == nullptr || error)
    return absl::ErrnoToStatus(errno, absl::StrCat("get blob: open ", path));
  v1::BlobChunk chunk;
  chunk.mutable_header()->set_id(id);
  chunk.mutable_header()->set_size_bytes(static_cast<int64_t>(size));
  chunk.mutable_header()->set_sha256(sha256);
  bool more = true;
  while (more) {
    std::string* const data = chunk.mutable_data();
    data->resize(kBlobChunkBytes);
    data->resize(std::fread(data->data(), 1, data->size(), file.get()));
    more = !data->empty();
    if (!more && !chunk.has_header()) break;
    if (!writer->Write(chunk)) return absl::CancelledError("get blob: the client is gone");
    chunk.clear_header();
  }
  if (std::ferror(file.get()) != 0)
    return absl::DataLossError(absl::StrCat("get blob: read ", path, ": failed"));
  return absl::OkStatus();
}

}  // namespace edgetp
