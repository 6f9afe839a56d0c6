// Which jobs the server takes: every rule that can be checked before a worker is bothered.
#pragma once

#include "absl/status/statusor.h"
#include "edgetp/v1/cluster.pb.h"
#include "server/blob_store.h"

namespace edgetp {

// The job with defaults filled; one without a network takes `cluster_network`.
// Errors: InvalidArgument with all violations, or naming the task's field or the unknown blob;
// FailedPrecondition if this host cannot read the corpus that the job names.
absl::StatusOr<v1::JobSpec> CheckJob(const v1::JobSpec& spec,
                                     const v1::NetworkProfile& cluster_network, BlobStore* blobs);

}  // namespace edgetp
