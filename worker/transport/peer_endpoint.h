// A worker's place on the peer network: the gRPC server that others dial and the one completion
// queue that carries every peer stream, in both directions. Lives as long as the process; a
// PeerGroup per job uses it. It is a server of its own, so that nobody but the thread that wants a
// result polls its sockets. One thread at a time; Wake from any.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/security.h"
#include "worker/transport/peer_stream.h"

namespace edgetp {

class PeerEndpoint {
 public:
  // `listen_address` is host:port; port 0 takes a free one. `security` is for both directions.
  // Errors: InvalidArgument (no port, or beyond loopback without leave), Unavailable naming the
  // address (in use, or not of this host).
  static absl::StatusOr<std::unique_ptr<PeerEndpoint>> Create(const std::string& listen_address,
                                                              const Security& security = {});
  ~PeerEndpoint();

  // host:port with the real port.
  const std::string& address() const { return address_; }

  // Starts a call to the peer at `address`; connects while the endpoint is polled.
  std::unique_ptr<PeerStream> Dial(const std::string& address);

  // Streams that others have opened and that no group has taken yet, oldest first. Their first
  // message may not be there; those that send none for kSilence are refused, and so is the oldest
  // of those when there are too many.
  struct Arrival {
    std::unique_ptr<PeerStream> stream;
    absl::Time since;
  };
  std::deque<Arrival>& arrivals() { return arrivals_; }

  // A peer sends its hello with its call.
  static constexpr absl::Duration kSilence = absl::Seconds(10);

  // Closes a stream, unless it was cancelled or rejected, and keeps it until gRPC is done with it.
  void Retire(std::unique_ptr<PeerStream> stream);

  // Makes progress on all streams.
  // Blocks until: an operation completed, Wake, or `until` (monotonic; InfinitePast: completes all
  // that is there, and never blocks).
  void Poll(absl::Time until);

  // From any thread: makes the Poll under way, or else the next one, return.
  void Wake();

 private:
  class WakeTag final : public CompletionTag {
   public:
    explicit WakeTag(PeerEndpoint* endpoint) : endpoint_(endpoint) {}
    void Complete(bool ok) override;

   private:
    PeerEndpoint* endpoint_;
  };

  explicit PeerEndpoint(const Security& security) : security_(security) {}
  void Accept();
  void Tidy();
  void TidyArrivals();
  void Refuse(std::unique_ptr<PeerStream> stream, const absl::Status& status);
  void Shutdown();

  const Security security_;
  std::string address_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<PeerStream> accepting_;
  std::deque<Arrival> arrivals_;
  std::vector<std::unique_ptr<PeerStream>> retired_;

  std::mutex wake_mutex_;
  bool wake_pending_ = false;
  grpc::Alarm alarm_;
  WakeTag wake_tag_{this};
};

}  // namespace edgetp
