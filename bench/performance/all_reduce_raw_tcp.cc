// An all-reduce over plain TCP sockets: the practical limit. No framing, no errors to report, no
// accounts. --algorithm=direct: everybody sends everything to everybody, in one step; two_phase:
// rank r sums the r-th part and sends it back. All sockets are non-blocking, so that both
// directions go at once, and a rank that cannot go on sleeps in poll.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "bench/performance/all_reduce_timing.h"

namespace edgetp::bench {
namespace {

// At a time: small enough to be added while it is in cache.
constexpr size_t kPieceBytes = 128 << 10;

[[noreturn]] void Fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

sockaddr_in Loopback(in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int Socket() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) Fail("socket");
  return fd;
}

// Listening sockets of all ranks; made before the ranks are.
std::vector<int> Listen(int workers) {
  std::vector<int> listeners;
  for (int i = 0; i < workers; ++i) {
    const sockaddr_in address = Loopback(0);
    const int fd = Socket();
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(fd, workers) != 0) {
      Fail("listen");
    }
    listeners.push_back(fd);
  }
  return listeners;
}

int Dial(int listener, int own_rank) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const int fd = Socket();
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) Fail("connect");
  if (write(fd, &own_rank, sizeof(own_rank)) != sizeof(own_rank)) Fail("hello");
  return fd;
}

// A socket to every other rank, by rank: the lower one dials.
std::vector<int> Connect(const std::vector<int>& listeners, int rank) {
  const int workers = static_cast<int>(listeners.size());
  std::vector<int> sockets(workers, -1);
  for (int peer = rank + 1; peer < workers; ++peer) sockets[peer] = Dial(listeners[peer], rank);
  for (int i = 0; i < rank; ++i) {
    const int fd = accept(listeners[rank], nullptr, nullptr);
    int peer = -1;
    if (fd < 0 || read(fd, &peer, sizeof(peer)) != sizeof(peer)) Fail("accept");
    sockets[peer] = fd;
  }
  const int on = 1;
  for (const int fd : sockets) {
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return sockets;
}

void Add(const float* in, float* out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] += in[i];
}

// One peer's share of an all-reduce.
struct Peer {
  int fd = -1;
  const char* out = nullptr;
  size_t out_bytes = 0;
  size_t sent = 0;
  char* in = nullptr;
  size_t in_bytes = 0;
  size_t received = 0;
  std::vector<char> piece;  // received and not yet added; only where `add`
  size_t piece_bytes = 0;
  bool add = false;
  bool in_place = false;  // `in` is `out`: nothing may be added to what has not left

  bool done() const { return sent == out_bytes && received == in_bytes; }
  bool may_receive() const { return received < (in_place ? sent : in_bytes); }
};

bool Retry(ssize_t result) {
  if (result == 0) throw std::runtime_error("a peer has left");
  if (result < 0 && errno != EAGAIN && errno != EINTR) Fail("transfer");
  return result < 0;
}

bool SendSome(Peer& peer) {
  if (peer.sent == peer.out_bytes) return false;
  const size_t size = std::min(peer.out_bytes - peer.sent, kPieceBytes);
  const ssize_t result = send(peer.fd, peer.out + peer.sent, size, MSG_NOSIGNAL);
  if (Retry(result)) return false;
  peer.sent += result;
  return true;
}

bool ReceiveSome(Peer& peer) {
  if (!peer.may_receive()) return false;
  const size_t size =
      std::min((peer.in_place ? peer.sent : peer.in_bytes) - peer.received, kPieceBytes);
  char* const target = peer.add ? peer.piece.data() + peer.piece_bytes : peer.in + peer.received;
  const ssize_t result = recv(peer.fd, target, size, 0);
  if (Retry(result)) return false;
  if (peer.add) {
    peer.piece_bytes += result;
    const size_t whole = peer.piece_bytes / sizeof(float);
    char* const sum = peer.in + peer.received - (peer.piece_bytes - result);
    Add(reinterpret_cast<const float*>(peer.piece.data()), reinterpret_cast<float*>(sum), whole);
    const size_t rest = peer.piece_bytes % sizeof(float);
    std::memmove(peer.piece.data(), peer.piece.data() + whole * sizeof(float), rest);
    peer.piece_bytes = rest;
  }
  peer.received += result;
  return true;
}

// Blocks until everything is sent and received.
void Transfer(std::vector<Peer>& peers) {
  std::vector<pollfd> waits;
  while (true) {
    bool progress = false;
    waits.clear();
    for (Peer& peer : peers) {
      progress |= SendSome(peer);
      progress |= ReceiveSome(peer);
      if (peer.done()) continue;
      const int out = peer.sent < peer.out_bytes ? POLLOUT : 0;
      const int in = peer.may_receive() ? POLLIN : 0;
      waits.push_back({peer.fd, static_cast<short>(in | out), 0});
    }
    if (waits.empty()) return;
    if (!progress) poll(waits.data(), waits.size(), 10'000);
  }
}

class Ranks {
 public:
  Ranks(const std::vector<int>& listeners, int rank, std::vector<float>& data)
      : rank_(rank), workers_(static_cast<int>(listeners.size())), data_(data) {
    for (const int fd : Connect(listeners, rank)) {
      Peer peer;
      peer.fd = fd;
      peer.piece.resize(kPieceBytes + sizeof(float));
      if (fd >= 0) peers_.push_back(peer);
    }
    if (workers_ > 2) scratch_.resize(data.size() * workers_);
  }

  void Direct() {
    int peer_rank = 0;
    for (Peer& peer : peers_) {
      if (peer_rank == rank_) ++peer_rank;
      Begin(peer, 0, data_.size(), 0, data_.size());
      peer.add = peer.in_place = workers_ == 2;
      if (workers_ > 2)
        peer.in = reinterpret_cast<char*>(scratch_.data() + peer_rank * data_.size());
      ++peer_rank;
    }
    Transfer(peers_);
    if (workers_ > 2) SumInRankOrder();
  }

  void TwoPhase() {
    Phase(/*reduce=*/true);
    Phase(/*reduce=*/false);
  }

 private:
  void Begin(Peer& peer, size_t out, size_t out_end, size_t in, size_t in_end) {
    peer.out = reinterpret_cast<const char*>(data_.data() + out);
    peer.out_bytes = (out_end - out) * sizeof(float);
    peer.in = reinterpret_cast<char*>(data_.data() + in);
    peer.in_bytes = (in_end - in) * sizeof(float);
    peer.sent = peer.received = peer.piece_bytes = 0;
    peer.add = peer.in_place = false;
  }

  void Phase(bool reduce) {
    const auto bound = [this](int part) { return data_.size() * part / workers_; };
    int part = 0;
    for (Peer& peer : peers_) {
      if (part == rank_) ++part;
      if (reduce) {
        Begin(peer, bound(part), bound(part + 1), bound(rank_), bound(rank_ + 1));
        peer.add = true;
      } else {
        Begin(peer, bound(rank_), bound(rank_ + 1), bound(part), bound(part + 1));
      }
      ++part;
    }
    Transfer(peers_);
  }

  void SumInRankOrder() {
    std::copy(data_.begin(), data_.end(), scratch_.begin() + rank_ * data_.size());
    std::copy_n(scratch_.begin(), data_.size(), data_.begin());
    for (int r = 1; r < workers_; ++r)
      Add(scratch_.data() + r * data_.size(), data_.data(), data_.size());
  }

  const int rank_;
  const int workers_;
  std::vector<float>& data_;
  std::vector<float> scratch_;
  std::vector<Peer> peers_;
};

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const std::vector<int> listeners = Listen(options.workers);
  return RunRanks(options.workers, [&](int rank) {
    std::vector<float> data(options.bytes / sizeof(float));
    Ranks ranks(listeners, rank, data);
    const bool direct = options.algorithm == "direct";
    if (!direct && options.algorithm != "two_phase") throw std::invalid_argument("--algorithm");
    TimeAllReduce(options, rank, data, [&] { direct ? ranks.Direct() : ranks.TwoPhase(); });
  });
}

}  // namespace
}  // namespace edgetp::bench

int main(int argc, char** argv) { return edgetp::bench::Main(argc, argv); }
