#include "worker/collective/collective_group.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/collective/rooted.h"
#include "common/collective/star.h"
#include "worker/transport/holding_transport.h"

namespace edgetp {
namespace {

// At least so long a collective waits that is not emulated, whatever the deadline is for those that
// are: the ranks do the same and are hardly apart. A link on which everything vanishes is noticed by
// nothing else.
constexpr absl::Duration kUnhurried = absl::Seconds(30);

std::string Describe(const CollectiveStep& step) {
  if (step.part == CollectivePart::kWait) return absl::StrCat("{wait handle=", step.handle, "}");
  const std::string start =
      step.part == CollectivePart::kStart ? absl::StrCat("start handle=", step.handle, " ") : "";
  return absl::StrCat("{", start, NameOf(step.tag.traffic), " ", NameOf(step.tag.phase),
                      " layer=", step.tag.layer, " elements=", step.elements,
                      " wire_bytes=", step.wire_bytes(), " wire=", step.wire.name(),
                      step.tag.reduction == Reduction::kMax ? " maximum" : "", "}");
}

bool Same(const CollectiveStep& want, const CollectiveStep& got) {
  if (want.part != got.part) return false;
  if (want.part != CollectivePart::kBoth && want.handle != got.handle) return false;
  if (want.part == CollectivePart::kWait) return true;
  return want.tag.traffic == got.tag.traffic && want.tag.phase == got.tag.phase &&
         want.tag.layer == got.tag.layer && want.tag.reduction == got.tag.reduction &&
         want.kind == got.kind && want.group == got.group && want.elements == got.elements &&
         want.wire == got.wire;
}

// Nobody waits longer for a segment than for its collective.
std::unique_ptr<SegmentTransport> Holding(std::unique_ptr<SegmentTransport> inner,
                                          absl::Duration deadline) {
  HoldingOptions options;
  options.linger = deadline;
  return std::make_unique<HoldingTransport>(std::move(inner), options);
}

}  // namespace

AlgorithmChooser FixedAlgorithm(const std::string& name) {
  return [name](int64_t, const WireFormat&) -> absl::StatusOr<std::string> { return name; };
}

absl::StatusOr<std::unique_ptr<CollectiveGroup>> CollectiveGroup::Create(
    std::unique_ptr<SegmentTransport> transport, CollectiveGroupOptions options) {
  Formats formats;
  ASSIGN_OR_RETURN(formats.forward, WireFormat::Parse(options.wire_forward));
  ASSIGN_OR_RETURN(formats.backward, WireFormat::Parse(options.wire_backward));
  ASSIGN_OR_RETURN(formats.grad_sync, WireFormat::Parse(options.wire_grad_sync));
  if (options.segment_bytes < 1 || options.segment_bytes > kMaxSegmentBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("collective: segment_bytes must be in [1, ", kMaxSegmentBytes,
                     "] (segment_bytes=", options.segment_bytes, ")"));
  }
  return std::unique_ptr<CollectiveGroup>(
      new CollectiveGroup(std::move(transport), std::move(options), formats));
}

CollectiveGroup::CollectiveGroup(std::unique_ptr<SegmentTransport> transport,
                                 CollectiveGroupOptions options, const Formats& formats)
    : one_clock_(transport->one_clock()),
      transport_(one_clock_ ? std::move(transport)
                            : Holding(std::move(transport), options.deadline)),
      options_(std::move(options)),
      deadline_seconds_(absl::ToDoubleSeconds(options_.deadline)),
      formats_(formats),
      clock_(options_.device),
      network_(transport_->rank(), transport_->world_size(), options_.network, options_.seed,
               options_.medium),
      links_(options_.device),
      executor_(transport_.get(), &network_, &links_, options_.segment_bytes) {}

CollectiveGroup::~CollectiveGroup() {
  Fail(absl::CancelledError("collective: the group ends while it is under way")).IgnoreError();
}

const WireFormat& CollectiveGroup::WireOf(TrafficClass traffic) const {
  switch (traffic) {
    case TrafficClass::kActivationForward:
      return formats_.forward;
    case TrafficClass::kActivationBackward:
      return formats_.backward;
    case TrafficClass::kGradSync:
      return formats_.grad_sync;
    case TrafficClass::kScalar:
    case TrafficClass::kControl:
      break;
  }
  return formats_.other;
}

// What is lost of a value can be fed back only where the value is.
WireFormat CollectiveGroup::RoundsTo(const CollectiveTag& tag) const {
  const WireFormat& wire = WireOf(tag);
  return wire.elementwise() && !FeedsBack(tag.traffic) ? wire : WireFormat();
}

// An evaluation is no step of the training, and must not leave anything behind for one.
bool CollectiveGroup::FeedsBack(TrafficClass traffic) const {
  if (!in_step_ || step_ < 0 || WireOf(traffic).identity()) return false;
  if (traffic == TrafficClass::kGradSync) return options_.feedback_grad_sync;
  const bool activations =
      traffic == TrafficClass::kActivationForward || traffic == TrafficClass::kActivationBackward;
  return activations && options_.feedback_activations;
}

void CollectiveGroup::SetChooser(AlgorithmChooser choose) {
  options_.choose = std::move(choose);
  schedules_.clear();
}

absl::StatusOr<const Schedule*> CollectiveGroup::ScheduleFor(const WireFormat& wire,
                                                             int64_t elements) {
  const auto key = std::make_pair(wire, elements);
  if (const auto found = schedules_.find(key); found != schedules_.end()) return &found->second;
  ASSIGN_OR_RETURN(const std::string name, options_.choose(elements, wire));
  ASSIGN_OR_RETURN(const Algorithm* algorithm, FindAlgorithm(name));
  RETURN_IF_ERROR(CheckFormat(*algorithm, wire));
  Schedule schedule = algorithm->build(world_size(), elements, wire.granule(),
                                       SliceElements(wire, options_.slice_bytes));
  return &schedules_.emplace(key, std::move(schedule)).first->second;
}

absl::StatusOr<std::string> CollectiveGroup::AlgorithmFor(TrafficClass traffic, int64_t elements) {
  ASSIGN_OR_RETURN(const Schedule* schedule, ScheduleFor(WireOf(traffic), elements));
  return schedule->algorithm;
}

google::protobuf::RepeatedPtrField<v1::AllReduceChoice> CollectiveGroup::Choices() const {
  google::protobuf::RepeatedPtrField<v1::AllReduceChoice> choices;
  for (const auto& [key, schedule] : schedules_) {
    const auto& [wire, elements] = key;
    v1::AllReduceChoice* const choice = choices.Add();
    choice->set_bytes(static_cast<double>(wire.WireBytes(elements)));
    choice->set_algorithm(schedule.algorithm);
  }
  return choices;
}

absl::Status CollectiveGroup::Audit(const CollectiveStep& got) {
  if (!in_step_) return absl::OkStatus();
  if (next_expected_ == expected_.size()) {
    return absl::InternalError(
        absl::StrCat("plan audit: a collective that the plan does not have (rank=", rank(),
                     " step=", step_, " index=", next_expected_, " got=", Describe(got), ")"));
  }
  const CollectiveStep& want = expected_[next_expected_++];
  if (Same(want, got)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "plan audit: the step differs from its plan (rank=", rank(), " step=", step_,
      " index=", next_expected_ - 1, " want=", Describe(want), " got=", Describe(got), ")"));
}

void CollectiveGroup::BeginStaging() {
  if (in_step_) staging_begin_ = EndSegment();
}

void CollectiveGroup::EndStaging() {
  if (!in_step_) return;
  // Under a device's clock this takes no time: AllReduce has charged what it takes there.
  const absl::Time end = clock_.Now();
  stats_.AddStaging(end - gap_begin_, staged_bytes_);
  gap_begin_ = end;
  clock_.BeginSegment();
}

absl::Time CollectiveGroup::Enter(int64_t bytes, CollectivePart part) {
  if (!in_step_) return clock_.Now();
  if (!staging_begin_.has_value())
    return part == CollectivePart::kStart ? PassSegment() : EndSegment();
  const absl::Time begin = clock_.Now();
  staged_bytes_ = bytes;
  stats_.AddStaging(begin - *std::exchange(staging_begin_, std::nullopt), bytes);
  return begin;
}

absl::StatusOr<CollectiveGroup::Pending> CollectiveGroup::Prepare(const CollectiveTag& tag,
                                                                  absl::Span<float> data,
                                                                  CollectivePart part) {
  const WireFormat& wire = WireOf(tag);
  const auto elements = static_cast<int64_t>(data.size());
  const CollectiveStep step{tag, elements, wire, CollectiveKind::kAllReduce, part, next_handle_};
  RETURN_IF_ERROR(Audit(step));
  ASSIGN_OR_RETURN(const Schedule* schedule, ScheduleFor(wire, elements));
  Pending pending;
  pending.tag = tag;
  pending.execution = NextExecution(Emulates());
  pending.execution.schedule = schedule;
  pending.execution.wire = wire;
  pending.execution.reduction = tag.reduction;
  pending.data = data;
  pending.staged_bytes = step.staged_bytes();
  const size_t site = next_site_++;
  if (FeedsBack(tag.traffic)) pending.feedback_site = site;
  pending.paced = clock_.paced();
  return pending;
}

absl::Status CollectiveGroup::AllReduceFrom(const CollectiveTag& tag, absl::Span<float> data,
                                            Staging* staging) {
  if (world_size() == 1) return absl::OkStatus();
  const int64_t staged_bytes = RoundsTo(tag).WireBytes(static_cast<int64_t>(data.size()));
  const absl::Time begin = Enter(staged_bytes, CollectivePart::kBoth);
  absl::StatusOr<Pending> pending = Prepare(tag, data, CollectivePart::kBoth);
  if (!pending.ok()) return Fail(pending.status());
  pending->execution.staging = staging;
  ASSIGN_OR_RETURN(pending->started, SettleAll(begin));
  RETURN_IF_ERROR(RunHere(&*pending));
  if (!in_step_) clock_.Interrupt();
  return absl::OkStatus();
}

absl::Duration CollectiveGroup::Patience(bool emulated) const {
  const absl::Duration deadline = absl::Seconds(deadline_seconds_.load());
  return emulated ? deadline : std::max(deadline, kUnhurried);
}

Execution CollectiveGroup::NextExecution(bool emulated) {
  Execution execution;
  execution.collective = collectives_++;
  execution.emulated = emulated;
  execution.step = step_;
  execution.deadline = MonotonicNow() + Patience(emulated);
  return execution;
}

absl::Status CollectiveGroup::RunBetweenSteps(const CollectiveTag& tag, const Schedule& schedule,
                                              Execution execution, absl::Span<float> data) {
  if (in_step_) {
    return absl::InternalError(absl::StrCat("plan audit: a ", execution.name,
                                            " within a step (rank=", rank(), " step=", step_, ")"));
  }
  execution.schedule = &schedule;
  clock_.Interrupt();
  ASSIGN_OR_RETURN(const absl::Time begin, SettleAll(clock_.Now()));
  links_.Begin(/*paced=*/false, begin);
  ExecutionReport report;
  RETURN_IF_ERROR(executor_.Run(execution, data, &report));
  Observe(tag, schedule, static_cast<int64_t>(data.size()), report);
  return absl::OkStatus();
}

absl::Status CollectiveGroup::Gather(const CollectiveTag& tag, absl::Span<const int64_t> counts,
                                     absl::Span<float> data) {
  if (world_size() == 1) return absl::OkStatus();
  const Schedule schedule = BuildGather(ConsecutiveChunks(counts));
  if (schedule.world_size != world_size() ||
      schedule.chunks.back().end != static_cast<int64_t>(data.size())) {
    return absl::InternalError(absl::StrCat("gather: counts do not fit (rank=", rank(), " counts=",
                                            counts.size(), " elements=", data.size(), ")"));
  }
  Execution execution = NextExecution(Emulates());
  execution.name = "gather";
  // Rank 0 hands on what it gets before it asks for more, and that may take long.
  if (rank() != 0)
    execution.deadline = std::max(execution.deadline, MonotonicNow() + options_.patience);
  return RunBetweenSteps(tag, schedule, execution, data);
}

absl::Status CollectiveGroup::Barrier() {
  if (world_size() == 1) {
    clock_.Interrupt();
    return absl::OkStatus();
  }
  float nothing = 0;
  Execution execution = NextExecution(/*emulated=*/false);
  execution.name = "barrier";
  // Rank 0 may be the one that was waited for: from it on, nobody has anything else to do.
  if (rank() != 0) execution.deadline = MonotonicNow() + options_.patience;
  return RunBetweenSteps({}, BuildStar(world_size(), 1), execution, absl::MakeSpan(&nothing, 1));
}

void CollectiveGroup::Observe(const CollectiveTag& tag, const Schedule& schedule, int64_t elements,
                              const ExecutionReport& report) {
  if (options_.observer == nullptr) return;
  CollectiveObservation observation;
  observation.algorithm = schedule.algorithm;
  observation.tag = tag;
  observation.seconds = absl::ToDoubleSeconds(report.elapsed);
  observation.elements = elements;
  observation.bytes_sent =
      std::accumulate(report.bytes_sent.begin(), report.bytes_sent.end(), int64_t{0});
  options_.observer->OnCollective(observation);
  for (int peer = 0; peer < world_size(); ++peer) {
    if (report.bytes_sent[peer] > 0) options_.observer->OnSent(peer, report.bytes_sent[peer]);
  }
  for (const Delivery& delivery : report.deliveries) options_.observer->OnDelivery(delivery);
}

absl::Time CollectiveGroup::EndSegment() {
  const HostLag lag = clock_.EndSegment();
  const absl::Time end = clock_.Now();
  stats_.AddCompute(end - gap_begin_);
  stats_.AddLag(lag);
  return end;
}

absl::Time CollectiveGroup::PassSegment() {
  clock_.PassSegment();
  const absl::Time end = clock_.Now();
  stats_.AddCompute(end - gap_begin_);
  return end;
}

absl::Time CollectiveGroup::BeginSegment() {
  clock_.BeginSegment();
  return gap_begin_ = clock_.Now();
}

void CollectiveGroup::BeginStep(int step, std::vector<CollectiveStep> expected,
                                std::vector<absl::Duration> compute) {
  runner_.AwaitAll();  // of a step that failed
  pending_.clear();
  next_handle_ = settled_ = 0;
  in_step_ = true;
  stats_.Take();  // of what came before
  stats_.CountInTotal(step >= 0);
  step_ = step;
  expected_ = std::move(expected);
  next_expected_ = next_site_ = 0;
  step_begin_ = clock_.BeginStep(std::move(compute));
  gap_begin_ = clock_step_begin_ = clock_.NowOr(step_begin_);
}

absl::Status CollectiveGroup::EndStep() {
  const bool paced = clock_.paced();
  const absl::Time end = EndSegment();
  const absl::Duration elapsed = clock_.EndStep() - step_begin_;
  // A paced host wakes up a little after the device's time; its steps are what was measured.
  if (paced) stats_.AddElapsed(elapsed, elapsed - (end - clock_step_begin_));
  if (!paced) stats_.AddElapsed(end - step_begin_, absl::ZeroDuration());
  in_step_ = false;
  stats_.CountInTotal(false);
  if (next_expected_ == expected_.size()) return absl::OkStatus();
  return Fail(absl::InternalError(
      absl::StrCat("plan audit: the step ended early (rank=", rank(), " step=", step_,
                   " executed=", next_expected_, " planned=", expected_.size(),
                   " next=", Describe(expected_[next_expected_]), ")")));
}

}  // namespace edgetp
