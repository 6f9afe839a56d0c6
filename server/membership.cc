#include "server/membership.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/rpc/host.h"
#include "server/hardware.h"

namespace edgetp {
namespace {

// Of one field: a host's name has at most 253 characters.
constexpr size_t kMaxFieldBytes = 256;
// As many as the largest run may have.
constexpr int kMaxWorkers = 4096;

// Enough for a person to see what happened; a cluster whose workers come and go must not grow
// without end.
constexpr int kGoneWorkersKept = 16;

}  // namespace

absl::Status Membership::CheckJoin(const v1::JoinRequest& request) {
  if (request.version() != kVersion) {
    return absl::FailedPreconditionError(absl::StrCat("join: the worker has version ",
                                                      request.version(), ", the server ", kVersion,
                                                      ": build both from the same source"));
  }
  if (request.member().peer_address().empty()) {
    return absl::InvalidArgumentError("join: member.peer_address is missing");
  }
  if (const absl::Status dialable = CheckDialable(request.member().peer_address());
      !dialable.ok()) {
    return Annotate(dialable, "join: member.peer_address (--advertise)");
  }
  for (const std::string* field :
       {&request.member().peer_address(), &request.member().host(), &request.member().boot_id(),
        &request.member().clock_domain(), &request.device(), &request.metrics_address(),
        &request.blas(), &request.hardware(), &request.member().device()}) {
    if (field->size() > kMaxFieldBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("join: a field of ", field->size(), " bytes: at most ", kMaxFieldBytes));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Membership::Join(absl::Time now, const v1::JoinRequest& request) {
  if (absl::Status status = CheckJoin(request); !status.ok()) return status;
  if (std::count_if(workers_.begin(), workers_.end(), [](const Worker& w) { return !w.gone; }) >=
      kMaxWorkers) {
    return absl::ResourceExhaustedError(
        absl::StrCat("join: the cluster is full (limit=", kMaxWorkers, ")"));
  }
  const auto missed =
      std::find_if(workers_.begin(), workers_.end(), [](const Worker& w) { return w.missed; });
  if (missed != workers_.end()) missed->missed = false;
  workers_.push_back(
      Worker{.id = absl::StrCat("worker-", ++joined_), .join = request, .last_heard = now});
  return workers_.back().id;
}

Worker* Membership::Find(const std::string& id) {
  for (Worker& worker : workers_) {
    if (worker.id == id && !worker.gone) return &worker;
  }
  return nullptr;
}

void Membership::SetGone(const std::string& id, bool missed) {
  Worker* const worker = Find(id);
  if (worker == nullptr) return;
  worker->gone = true;
  worker->missed = missed;
  lost_ += missed ? 1 : 0;
  worker->rank.reset();
  const auto is_gone = [](const Worker& w) { return w.gone; };
  if (std::count_if(workers_.begin(), workers_.end(), is_gone) > kGoneWorkersKept) {
    workers_.erase(std::find_if(workers_.begin(), workers_.end(), is_gone));
  }
}

std::vector<std::string> Membership::Silent(absl::Time now, absl::Duration limit) {
  const bool paused = now - last_check_ > limit / 2;
  last_check_ = now;
  std::vector<std::string> silent;
  for (Worker& worker : workers_) {
    if (worker.gone) continue;
    if (paused) worker.last_heard = now;
    if (now - worker.last_heard > limit) silent.push_back(worker.id);
  }
  return silent;
}

std::vector<Worker*> Membership::Idle(int count) {
  std::vector<Worker*> idle;
  for (Worker& worker : workers_) {
    if (worker.idle() && static_cast<int>(idle.size()) < count) idle.push_back(&worker);
  }
  return idle;
}

std::vector<Worker*> Membership::IdleOfOneKind(int count) {
  std::vector<Worker*> most;
  for (auto& [kind, idle] : ByKind(Idle(static_cast<int>(workers_.size())))) {
    if (most.empty() || (static_cast<int>(most.size()) < count && idle.size() > most.size()))
      most = std::move(idle);
  }
  if (static_cast<int>(most.size()) > count) most.resize(count);
  return most;
}

int Membership::CountIdle() const {
  return static_cast<int>(
      std::count_if(workers_.begin(), workers_.end(), [](const Worker& w) { return w.idle(); }));
}

void Membership::FillStatus(absl::Time now, v1::StatusResponse* status) const {
  for (const Worker& worker : workers_) {
    v1::StatusResponse::Worker* const out = status->add_workers();
    out->set_id(worker.id);
    out->set_host(worker.join.member().host());
    out->set_peer_address(worker.join.member().peer_address());
    out->set_device(worker.join.device());
    out->set_threads(worker.join.threads());
    out->set_state(worker.gone ? "gone" : worker.idle() ? "idle" : "busy");
    if (worker.rank.has_value()) out->set_rank(*worker.rank);
    out->set_seconds_since_heartbeat(absl::ToDoubleSeconds(now - worker.last_heard));
    out->set_blas(worker.join.blas());
    out->set_metrics_address(worker.join.metrics_address());
  }
}

}  // namespace edgetp
