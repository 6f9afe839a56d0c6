// Adapter of service Blobs. A synchronous service, unlike the others: files are read and written by
// gRPC's own threads, so that neither the loop nor the callback threads ever wait for a disk.
#pragma once

#include "edgetp/v1/control.grpc.pb.h"
#include "server/active_run.h"
#include "server/blob_store.h"

namespace edgetp {

class BlobsService final : public v1::Blobs::Service {
 public:
  // The pointers must outlive the service.
  BlobsService(BlobStore* store, const ActiveRun* active_run)
      : store_(store), active_run_(active_run) {}

  // Checkpoints are taken from the running run only.
  grpc::Status Put(grpc::ServerContext* context, grpc::ServerReader<v1::BlobChunk>* reader,
                   v1::PutBlobResponse* response) override;
  grpc::Status Get(grpc::ServerContext* context, const v1::GetBlobRequest* request,
                   grpc::ServerWriter<v1::BlobChunk>* writer) override;

 private:
  absl::Status Receive(grpc::ServerReader<v1::BlobChunk>* reader, v1::PutBlobResponse* response);
  absl::Status SendFile(const std::string& id, grpc::ServerWriter<v1::BlobChunk>* writer);

  BlobStore* const store_;
  const ActiveRun* const active_run_;
};

}  // namespace edgetp
