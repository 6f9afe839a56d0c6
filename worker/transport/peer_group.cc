#include "worker/transport/peer_group.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "worker/transport/blame.h"

namespace edgetp {
namespace {

constexpr absl::Duration kDialAgainAfter = absl::Milliseconds(50);
// How often errors of the same peer are told: the same one, and others.
constexpr absl::Duration kDialNotice = absl::Seconds(5);
constexpr absl::Duration kNewDialNotice = absl::Seconds(1);
// Of the time to connect, what dialling may take: who dials knows why it fails, and says so before
// those give up who wait for him, the server among them.
constexpr double kDialShare = 0.9;
// How long a failed group waits for gRPC to let go of the caller's memory. A stopped peer can hold
// the last write for ever; the kernel alone reads it then, for a stream that is cancelled, so that
// going on is harmless.
constexpr absl::Duration kReleaseGrace = absl::Milliseconds(250);

// Of a peer's probes that nobody has taken: an honest one waits for an answer.
constexpr size_t kMaxProbes = 4;

using ReleaseCount = std::shared_ptr<std::atomic<uint64_t>>;

void ReleaseOne(void* argument) {
  std::unique_ptr<ReleaseCount> count(static_cast<ReleaseCount*>(argument));
  (*count)->fetch_add(1, std::memory_order_release);
}

// A status that a peer's stream ended with, as this rank should see it.
absl::Status PeerGone(int rank, const PeerStream& stream) {
  return Blaming(
      rank, absl::UnavailableError(absl::StrCat("peer connection: the peer is gone (peer=", rank,
                                                "): ", std::string(stream.status().message()))));
}

// An answer that dialling again cannot change.
bool IsFinal(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition ||
         status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kUnauthenticated ||
         status.code() == absl::StatusCode::kUnimplemented;
}

}  // namespace

bool ShareOneClock(const std::vector<PeerMember>& members) {
  return std::all_of(members.begin(), members.end(), [&members](const PeerMember& member) {
    return !member.clock_domain.empty() && member.clock_domain == members.front().clock_domain;
  });
}

PeerGroup::PeerGroup(PeerEndpoint* endpoint, PeerGroupOptions options)
    : endpoint_(endpoint), options_(std::move(options)), peers_(options_.members.size()) {}

PeerGroup::~PeerGroup() {
  const bool failed = !status().ok();
  for (Peer& peer : peers_) {
    if (peer.stream == nullptr) continue;
    if (failed) {
      peer.stream->Cancel();
    } else {
      peer.stream->Close();
    }
  }
  // Nobody may poll the endpoint after this: see the ends out.
  const auto open = [](const Peer& peer) {
    return peer.stream != nullptr && !peer.stream->closed();
  };
  const absl::Time until = MonotonicNow() + kReleaseGrace;
  while (!failed && std::any_of(peers_.begin(), peers_.end(), open) && MonotonicNow() < until)
    endpoint_->Poll(until);
  for (Peer& peer : peers_) endpoint_->Retire(std::move(peer.stream));
}

bool PeerGroup::one_clock() const { return ShareOneClock(options_.members); }

bool PeerGroup::SharesClock(int peer) const {
  return ShareOneClock({options_.members[rank()], options_.members[peer]});
}

v1::Hello PeerGroup::MyHello() const {
  v1::Hello hello;
  hello.set_job(options_.job);
  hello.set_rank(rank());
  hello.set_world_size(world_size());
  hello.set_version(options_.version);
  hello.set_clock_domain(options_.members[rank()].clock_domain);
  return hello;
}

absl::Status PeerGroup::CheckHello(const v1::Hello& hello) const {
  const auto differ = [this, &hello](const char* what, const std::string& mine,
                                     const std::string& theirs) {
    return absl::FailedPreconditionError(
        absl::StrCat("peer hello: ", what, " differs (rank=", rank(), " has ", mine,
                     ", peer=", hello.rank(), " has ", theirs, ")"));
  };
  if (hello.version() != options_.version)
    return differ("version", options_.version, hello.version());
  if (hello.job() != options_.job) return differ("job", options_.job, hello.job());
  if (hello.world_size() != world_size()) {
    return differ("world size", absl::StrCat(world_size()), absl::StrCat(hello.world_size()));
  }
  if (hello.rank() < 0 || hello.rank() >= world_size() || hello.rank() == rank()) {
    return absl::FailedPreconditionError(
        absl::StrCat("peer hello: no such peer (rank=", rank(), " peer=", hello.rank(), ")"));
  }
  return absl::OkStatus();
}

bool PeerGroup::AllReady() const { return MissingRanks().empty(); }

std::string PeerGroup::MissingRanks() const {
  std::string missing;
  for (int r = 0; r < world_size(); ++r) {
    if (r != rank() && !peers_[r].ready) absl::StrAppend(&missing, missing.empty() ? "" : ",", r);
  }
  return missing;
}

std::string PeerGroup::Unreachable() const {
  for (int r = rank() + 1; r < world_size(); ++r) {
    const Peer& peer = peers_[r];
    if (peer.ready || peer.dial_error.ok()) continue;
    return absl::StrCat(": peer=", r, ": rank ", rank(), " cannot reach rank ", r, " at ",
                        options_.members[r].address, ": ", std::string(peer.dial_error.message()),
                        "; every worker must reach the others at the addresses that they "
                        "advertise (--listen, --advertise, firewalls)");
  }
  return "";
}

absl::Status PeerGroup::Connect(absl::Time deadline) {
  const absl::Time begin = MonotonicNow();
  for (;;) {
    RETURN_IF_ERROR(status());
    const absl::Time now = MonotonicNow();
    if (absl::Status step = ConnectStep(now); !step.ok()) return Fail(step);
    if (AllReady()) return absl::OkStatus();
    const std::string why = Unreachable();
    if (now >= (why.empty() ? deadline : begin + kDialShare * (deadline - begin))) {
      return Fail(absl::DeadlineExceededError(absl::StrCat(
          "peer connect: deadline exceeded (rank=", rank(), " missing=", MissingRanks(),
          " waited_ms=", absl::ToInt64Milliseconds(now - begin), ")", why)));
    }
    endpoint_->Poll(std::min(deadline, now + kDialAgainAfter));
  }
}

absl::Status PeerGroup::ConnectStep(absl::Time now) {
  RETURN_IF_ERROR(TakeArrivals());
  for (int r = 0; r < world_size(); ++r) {
    if (r != rank() && !peers_[r].ready) RETURN_IF_ERROR(Greet(r, now));
  }
  return absl::OkStatus();
}

// Takes one pair a step further: dial, send the hello, wait for the answer.
absl::Status PeerGroup::Greet(int r, absl::Time now) {
  Peer& peer = peers_[r];
  const bool dials = r > rank();
  if (peer.stream == nullptr) {
    if (dials && now >= peer.dial_again) peer.stream = endpoint_->Dial(options_.members[r].address);
    return absl::OkStatus();
  }
  if (peer.stream->HasMessage() && dials) {
    ASSIGN_OR_RETURN(const v1::Hello hello, DecodeHello(peer.stream->TakeMessage()));
    RETURN_IF_ERROR(CheckHello(hello));
    peer.ready = true;
    return absl::OkStatus();
  }
  if (peer.stream->state() == PeerStream::State::kEnded) return DialEnded(r, now);
  if (!peer.hello_sent && peer.stream->CanWrite()) {
    peer.stream->Write(EncodeHello(MyHello()));
    peer.hello_sent = true;
    peer.ready = !dials;
  }
  return absl::OkStatus();
}

absl::Status PeerGroup::DialEnded(int r, absl::Time now) {
  Peer& peer = peers_[r];
  const absl::Status status = peer.stream->status();
  endpoint_->Retire(std::move(peer.stream));
  peer.hello_sent = false;
  peer.dial_again = now + kDialAgainAfter;
  if (r > rank()) TellDialError(r, status, now);
  peer.dial_error = status;
  if (r > rank() && IsFinal(status))
    return Annotate(status, absl::StrCat("peer connect (peer=", r, ")"));
  return absl::OkStatus();
}

void PeerGroup::TellDialError(int r, const absl::Status& status, absl::Time now) {
  Peer& peer = peers_[r];
  if (options_.on_dial_error == nullptr) return;
  if (now - peer.told < (peer.dial_error == status ? kDialNotice : kNewDialNotice)) return;
  peer.told = now;
  options_.on_dial_error(absl::StrCat("rank ", rank(), " dials rank ", r, " at ",
                                      options_.members[r].address, ": ",
                                      std::string(status.message())));
}

// Greets or refuses those who called. A caller's hello is its first message.
absl::Status PeerGroup::TakeArrivals() {
  auto& arrivals = endpoint_->arrivals();
  for (size_t i = arrivals.size(); i > 0; --i) {
    const absl::Time since = arrivals.front().since;
    std::unique_ptr<PeerStream> stream = std::move(arrivals.front().stream);
    arrivals.pop_front();
    if (stream->state() == PeerStream::State::kEnded && !stream->HasMessage()) {
      endpoint_->Retire(std::move(stream));
    } else if (!stream->HasMessage()) {
      arrivals.push_back({std::move(stream), since});
    } else if (const auto hello = DecodeHello(stream->TakeMessage()); hello.ok()) {
      RETURN_IF_ERROR(Welcome(std::move(stream), *hello));
    } else {
      stream->Reject(hello.status());
      endpoint_->Retire(std::move(stream));
    }
  }
  return absl::OkStatus();
}

absl::Status PeerGroup::Welcome(std::unique_ptr<PeerStream> stream, const v1::Hello& hello) {
  absl::Status check = CheckHello(hello);
  if (check.ok() && hello.rank() > rank()) {
    check = absl::FailedPreconditionError("peer hello: the lower rank dials the higher one");
  }
  if (!check.ok()) {
    stream->Reject(check);
    endpoint_->Retire(std::move(stream));
    return absl::OkStatus();
  }
  Peer& peer = peers_[hello.rank()];
  if (peer.stream != nullptr) {  // it has dialled again: its old stream is dead, or soon will be
    peer.stream->Cancel();
    endpoint_->Retire(std::move(peer.stream));
  }
  peer.stream = std::move(stream);
  peer.hello_sent = peer.ready = false;
  return absl::OkStatus();
}

bool PeerGroup::CanSend(int peer) const {
  const Peer& p = peers_[peer];
  return p.stream != nullptr && p.stream->CanWrite() &&
         p.sent - p.released->load(std::memory_order_acquire) <
             static_cast<uint64_t>(options_.max_unreleased_segments);
}

absl::Status PeerGroup::Send(int peer, const SegmentHeader& header,
                             absl::Span<const std::byte> payload) {
  if (absl::Status mine = status(); !mine.ok()) return Fail(mine);
  Peer& p = peers_[peer];
  p.stream->Write(EncodeSegment(header, payload, &ReleaseOne, new ReleaseCount(p.released)));
  ++p.sent;
  return absl::OkStatus();
}

uint64_t PeerGroup::Released(int peer) const {
  return peers_[peer].released->load(std::memory_order_acquire);
}

const ReceivedSegment* PeerGroup::Queued(int peer, size_t index) const {
  const auto& received = peers_[peer].received;
  return index < received.size() ? &received[index].segment : nullptr;
}

void PeerGroup::Pop(int peer) {
  Peer& p = peers_[peer];
  p.stream->Release(p.received.front().message_bytes);
  p.received.pop_front();
  // A malformed next one is reported by the next Poll.
  if (absl::Status status = Decode(peer); !status.ok()) Fail(status).IgnoreError();
}

absl::Status PeerGroup::SendProbe(int peer, const ClockProbe& probe) {
  if (absl::Status mine = status(); !mine.ok()) return Fail(mine);
  peers_[peer].stream->Write(EncodeProbe(probe));
  return absl::OkStatus();
}

std::optional<ReceivedProbe> PeerGroup::TakeProbe(int peer) {
  std::deque<ReceivedProbe>& probes = peers_[peer].probes;
  if (probes.empty()) return std::nullopt;
  const ReceivedProbe oldest = probes.front();
  probes.pop_front();
  return oldest;
}

absl::Status PeerGroup::Poll(absl::Time until) {
  if (status().ok()) endpoint_->Poll(until);
  absl::Status result = status();  // of Abort, or of an earlier call
  if (result.ok()) result = CheckStreams();
  return result.ok() ? result : Fail(result);
}

absl::Status PeerGroup::CheckStreams() {
  for (int r = 0; r < world_size(); ++r) {
    if (r == rank()) continue;
    const Peer& peer = peers_[r];
    if (peer.stream == nullptr || peer.stream->failed()) {
      return peer.stream == nullptr ? absl::UnavailableError(absl::StrCat(
                                          "peer connection: not connected (peer=", r, ")"))
                                    : PeerGone(r, *peer.stream);
    }
    RETURN_IF_ERROR(Decode(r));
  }
  return absl::OkStatus();
}

absl::Status PeerGroup::Decode(int r) {
  Peer& peer = peers_[r];
  while (peer.stream->HasMessage()) {
    const grpc::ByteBuffer message = peer.stream->BorrowMessage();
    const auto bytes = static_cast<int64_t>(message.Length());
    auto segment = DecodeSegment(message);
    if (segment.ok()) {
      peer.received.push_back({*std::move(segment), bytes});
      continue;
    }
    const auto probe = DecodeProbe(message);
    if (!probe.ok())
      return Annotate(segment.status(),
                      absl::StrCat("recv segment (rank=", rank(), " peer=", r, ")"));
    peer.stream->Release(bytes);
    peer.probes.push_back({*probe, MonotonicNow()});
    if (peer.probes.size() > kMaxProbes) peer.probes.pop_front();
  }
  return absl::OkStatus();
}

bool PeerGroup::Closed(int peer) const {
  const Peer& p = peers_[peer];
  return p.stream == nullptr ||
         (p.stream->state() == PeerStream::State::kEnded && !p.stream->HasMessage());
}

absl::Status PeerGroup::status() const {
  if (!failed_.load(std::memory_order_acquire)) return absl::OkStatus();
  std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

void PeerGroup::Abort(const absl::Status& status) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (status_.ok()) status_ = status;
    failed_.store(true, std::memory_order_release);
  }
  endpoint_->Wake();
}

// Keeps the first error, and sees to it that gRPC reads none of the caller's memory any more.
absl::Status PeerGroup::Fail(const absl::Status& status) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (status_.ok()) status_ = status;
    failed_.store(true, std::memory_order_release);
  }
  ReleasePayloads();
  return this->status();
}

void PeerGroup::ReleasePayloads() {
  if (std::exchange(torn_down_, true)) return;
  for (Peer& peer : peers_) {
    if (peer.stream != nullptr) peer.stream->Cancel();
  }
  const absl::Time until = MonotonicNow() + kReleaseGrace;
  const auto held = [](const Peer& peer) {
    return peer.released->load(std::memory_order_acquire) < peer.sent;
  };
  while (std::any_of(peers_.begin(), peers_.end(), held) && MonotonicNow() < until) {
    endpoint_->Poll(MonotonicNow() + absl::Milliseconds(1));
  }
}

}  // namespace edgetp
