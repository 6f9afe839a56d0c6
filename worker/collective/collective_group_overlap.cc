// The part of CollectiveGroup that starts collectives and waits for them, and that says which part of
// an exchange the rank has waited for.
//
// The rule, on the rank's clock: a collective begins when it starts, or when the one before is over;
// it runs whether the rank computes or waits; the rank waits from when it asks for the result. What
// lies between is exposed and has causes; what came before ran under compute. Where the device says
// that overlapping is not free, the rank pays for it when it has waited. The simulator does the same
// (common/simulate/engine_thread.cc).
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/collective/hadamard.h"
#include "worker/collective/collective_group.h"

namespace edgetp {
namespace {

// Of [begin, end), what is after `from`.
absl::Duration After(absl::Time from, absl::Time begin, absl::Time end) {
  return end - std::clamp(from, begin, end);
}

}  // namespace

absl::StatusOr<int64_t> CollectiveGroup::Start(const CollectiveTag& tag, absl::Span<float> data) {
  RETURN_IF_ERROR(failed_);
  if (world_size() == 1) return next_handle_++;
  const absl::Time begin =
      Enter(static_cast<int64_t>(data.size() * sizeof(float)), CollectivePart::kStart);
  absl::StatusOr<Pending> prepared = Prepare(tag, data, CollectivePart::kStart);
  if (!prepared.ok()) return Fail(prepared.status());
  const int64_t handle = next_handle_++;
  Pending& pending = pending_[handle] = *std::move(prepared);
  pending.started = begin;
  if (!options_.overlap) {
    settled_ = next_handle_;
    RETURN_IF_ERROR(RunHere(&pending));
    return handle;
  }
  pending.task = runner_.Submit([this, &pending] { Run(&pending); });
  if (in_step_) stats_.AddThreadSoftware(BeginSegment() - begin);
  return handle;
}

absl::Status CollectiveGroup::Wait(int64_t handle) {
  if (world_size() == 1) return absl::OkStatus();
  const absl::Time begin = in_step_ ? PassSegment() : clock_.Now();
  CollectiveStep wait{};
  wait.part = CollectivePart::kWait;
  wait.handle = handle;
  if (const absl::Status status = Audit(wait); !status.ok()) return Fail(status);
  const auto found = pending_.find(handle);
  if (found == pending_.end()) {
    return Fail(absl::InternalError(
        absl::StrCat("wait: nothing was started, or it was waited for (rank=", rank(),
                     " step=", step_, " handle=", handle, ")")));
  }
  ASSIGN_OR_RETURN(const absl::Duration exposed, Settle(handle, begin));
  const Pending pending = std::move(pending_.extract(found).mapped());
  const absl::Duration cost = clock_.SpendOverlap(pending.overlap);
  const absl::Time end = BeginSegment();
  if (in_step_) {
    stats_.AddThreadSoftware(end - begin - exposed);
    stats_.AddHidden(pending.overlap - cost);
  }
  staged_bytes_ = pending.staged_bytes;
  return absl::OkStatus();
}

void CollectiveGroup::Run(Pending* pending) {
  pending->begin = links_.Begin(pending->paced, pending->started);
  pending->staging_before = links_.SpendStaging(pending->staged_bytes);
  pending->execution.deadline = MonotonicNow() + Patience(pending->execution.emulated);
  pending->status = RunAllReduce(pending);
  pending->staging_after = links_.SpendStaging(pending->staged_bytes);
  pending->end = links_.End();
}

absl::Status CollectiveGroup::RunAllReduce(Pending* pending) {
  const WireFormat& wire = pending->execution.wire;
  const absl::Span<float> data = pending->data;
  const auto elements = static_cast<int64_t>(data.size());
  // Both need all of the data before the exchange, and the former after it.
  const bool prepares = wire.hadamard() || pending->feedback_site.has_value();
  Staging* const staging = prepares ? std::exchange(pending->execution.staging, nullptr) : nullptr;
  if (staging != nullptr) RETURN_IF_ERROR(staging->Fetch(elements));
  if (wire.hadamard()) Rotate(data, wire.granule(), options_.seed);
  links_.SpendRotation(wire, elements);
  if (pending->feedback_site.has_value())
    pending->execution.residual = feedback_.Begin(*pending->feedback_site, data);
  RETURN_IF_ERROR(executor_.Run(pending->execution, data, &pending->report));
  if (wire.hadamard()) RotateBack(data, wire.granule(), options_.seed);
  links_.SpendRotation(wire, elements);
  return staging == nullptr ? absl::OkStatus() : staging->GiveBack(0, elements);
}

absl::Status CollectiveGroup::RunHere(Pending* pending) {
  Run(pending);
  if (!pending->status.ok()) return Fail(pending->status);
  clock_.Reach(pending->end);
  // What this layer takes until the rank goes on is software, too.
  pending->end = BeginSegment();
  Account(pending, pending->begin);
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> CollectiveGroup::Settle(int64_t last, absl::Time from) {
  absl::Duration exposed;
  for (; settled_ <= last; ++settled_) {
    Pending& pending = pending_.at(settled_);
    runner_.Await(pending.task);
    if (!pending.status.ok()) return Fail(pending.status);
    clock_.Reach(pending.end);
    exposed += Account(&pending, from);
  }
  return exposed;
}

absl::StatusOr<absl::Time> CollectiveGroup::SettleAll(absl::Time from) {
  if (settled_ == next_handle_) return from;
  ASSIGN_OR_RETURN(const absl::Duration exposed, Settle(next_handle_ - 1, from));
  const absl::Time now = clock_.Now();
  if (in_step_) stats_.AddThreadSoftware(now - from - exposed);
  return now;
}

absl::Duration CollectiveGroup::Account(Pending* pending, absl::Time from) {
  const absl::Time begin = pending->begin;
  const absl::Time end = pending->end;
  const absl::Duration exposed = After(from, begin, end);
  const absl::Duration staging = pending->staging_before + pending->staging_after;
  pending->overlap = end - begin - exposed;
  ExecutionReport& report = pending->report;
  if (pending->overlap > absl::ZeroDuration()) ForgiveHidden(exposed, &report.deliveries);
  // What this layer took around the executor is software, too.
  report.exposed_software += end - begin - report.elapsed - staging;
  report.elapsed = end - begin;
  report.time = AttributeWaits(report.waits, from);
  report.time.staging += After(from, begin, begin + pending->staging_before) +
                         After(from, end - pending->staging_after, end) +
                         std::min(report.staged, exposed);
  report.time.software += exposed - report.time.total();
  stats_.AddCollective(pending->tag, report, in_step_);
  Observe(pending->tag, *pending->execution.schedule, static_cast<int64_t>(pending->data.size()),
          report);
  return exposed;
}

absl::Status CollectiveGroup::Fail(const absl::Status& status) {
  if (!runner_.idle()) transport_->Abort(status);
  runner_.AwaitAll();
  failed_.Update(status);
  return status;
}

}  // namespace edgetp
