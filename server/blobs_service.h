// Adapter of service Blobs. A synchronous service, unlike the others: files are read and written by
// gRPC's own threads, so that neither the loop nor the callback threads ever wait for a disk.
#pragma once

#include "absl/time/time.h"
#include "common/rpc/security.h"
#include "edgetp/v1/control.grpc.pb.h"
#include "server/active_run.h"
#include "server/blob_store.h"

namespace edgetp {

// The pointers must outlive the service.
struct BlobsServiceOptions {
  BlobStore* store;
  const ActiveRun* active_run;
  const Security* security;
  absl::Duration transfer_limit;
};

class BlobsService final : public v1::Blobs::Service {
 public:
  explicit BlobsService(BlobsServiceOptions options) : options_(options) {}

  // Checkpoints are taken from the running run only.
  grpc::Status Put(grpc::ServerContext* context, grpc::ServerReader<v1::BlobChunk>* reader,
                   v1::PutBlobResponse* response) override;
  grpc::Status Get(grpc::ServerContext* context, const v1::GetBlobRequest* request,
                   grpc::ServerWriter<v1::BlobChunk>* writer) override;
  grpc::Status GetWindows(grpc::ServerContext* context, const v1::GetWindowsRequest* request,
                          grpc::ServerWriter<v1::TokenWindow>* writer) override;

 private:
  absl::Status Receive(grpc::ServerReader<v1::BlobChunk>* reader, v1::PutBlobResponse* response);
  absl::Status SendRange(const v1::GetBlobRequest& request,
                         grpc::ServerWriter<v1::BlobChunk>* writer);

  const BlobsServiceOptions options_;
};

}  // namespace edgetp
