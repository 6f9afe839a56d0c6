// The tokens of a job that lie in files on the server's host: windows travel when they are needed,
// and what will be needed soon is fetched meanwhile by a thread. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/token_source.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.grpc.pb.h"

namespace edgetp {

class RemoteTokens final : public TokenSource {
 public:
  // `vocabulary`: of the model. Tokens are checked when they arrive: nobody has read all of a large
  // file before. `stub` must outlive this.
  RemoteTokens(v1::Blobs::StubInterface* stub, std::string job, const v1::CorpusFiles& files,
               int vocabulary);
  // Gives up what is on its way.
  ~RemoteTokens() override;

  int64_t size(Split split) const override;
  // Blocks until: they are here, at most half a minute.
  // Errors: those of Blobs.GetWindows; InvalidArgument naming a token outside the vocabulary and
  // its place.
  absl::StatusOr<std::vector<uint16_t>> ReadWindows(Split split, absl::Span<const int64_t> starts,
                                                    int tokens) const override;
  // For one ReadWindows with the same arguments.
  void Prefetch(Split split, std::vector<int64_t> starts, int tokens) const override;

 private:
  struct Windows {
    Split split;
    std::vector<int64_t> starts;
    int tokens;
    bool wanted = true;  // nobody has fetched it yet
    bool done = false;
    absl::Status status;
    std::vector<uint16_t> content;
  };

  absl::StatusOr<std::vector<uint16_t>> Fetch(Split split, absl::Span<const int64_t> starts,
                                              int tokens) const;
  absl::Status Receive(const v1::GetWindowsRequest& request, grpc::ClientContext* context,
                       std::vector<uint16_t>* windows) const;
  absl::Status CheckTokens(Split split, absl::Span<const int64_t> starts, int tokens,
                           const std::vector<uint16_t>& windows) const;
  void FetchLoop() const;
  // The oldest that nobody has fetched, with those after it that fit one request.
  std::vector<std::list<Windows>::iterator> NextWanted() const;

  v1::Blobs::StubInterface* const stub_;
  const std::string job_;
  const int64_t train_;
  const int64_t validation_;
  const int vocabulary_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::list<Windows> prefetched_;  // guarded by mutex_, as all below
  mutable std::list<grpc::ClientContext*> under_way_;
  mutable bool closing_ = false;
  mutable std::thread thread_;  // starts with the first prefetch
};

}  // namespace edgetp
