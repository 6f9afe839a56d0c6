// Blobs.GetWindows: what a job's workers read of files on this host.
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/status.h"
#include "server/blobs_service.h"
#include "server/served_corpus.h"
#include "server/transfer_limit.h"

namespace edgetp {
namespace {

// A window is one message, of which gRPC takes 4 MiB by default.
constexpr uint32_t kMaxWindowTokens = 1 << 20;

absl::Status SendWindows(const v1::GetWindowsRequest& request, const ServedCorpus& corpus,
                         grpc::ServerWriter<v1::TokenWindow>* writer) {
  if (request.tokens() < 1 || request.tokens() > kMaxWindowTokens) {
    return absl::OutOfRangeError(absl::StrCat("a window has from 1 to ", kMaxWindowTokens,
                                              " tokens (got ", request.tokens(), ")"));
  }
  RETURN_IF_ERROR(corpus.CheckUnchanged());
  std::vector<uint16_t> tokens(request.tokens());
  v1::TokenWindow window;
  for (const uint64_t start : request.starts()) {
    RETURN_IF_ERROR(corpus.Read(request.validation(), start, absl::MakeSpan(tokens)));
    window.set_tokens(tokens.data(), tokens.size() * sizeof(uint16_t));
    if (!writer->Write(window)) return absl::CancelledError("the client is gone");
  }
  return absl::OkStatus();
}

}  // namespace

grpc::Status BlobsService::GetWindows(grpc::ServerContext* context,
                                      const v1::GetWindowsRequest* request,
                                      grpc::ServerWriter<v1::TokenWindow>* writer) {
  absl::Status status = options_.security->Admit(context->client_metadata());
  if (status.ok()) {
    const TransferLimit limit(context, options_.transfer_limit);
    const auto corpus = options_.active_run->Corpus(request->job());
    status = corpus.ok() ? SendWindows(*request, **corpus, writer) : corpus.status();
    status = Annotate(status, absl::StrCat("get windows of job ", request->job()));
  }
  return ToGrpc(status);
}

}  // namespace edgetp
