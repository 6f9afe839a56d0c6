#include "common/simulate/trace.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

enum Track { kComputeTrack = 1, kCollectiveTrack = 2, kWaitTrack = 3, kOverlapTrack = 4 };

// Viewers take process 0 for the idle task.
int ProcessOf(int rank) { return rank + 1; }

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) quoted += c;
  }
  return quoted + "\"";
}

std::string Microseconds(absl::Duration duration) {
  return absl::StrFormat("%.3f", absl::ToDoubleMicroseconds(duration));
}

std::string Metadata(const char* what, int process, int64_t track, const std::string& name) {
  return absl::StrCat("{\"ph\":\"M\",\"name\":\"", what, "\",\"pid\":", process, ",\"tid\":", track,
                      ",\"args\":{\"name\":", Quoted(name), "}}");
}

// What a stretch of compute between two collectives is made of.
class SegmentLabel {
 public:
  void Add(const ComputeStep& step) {
    const std::string phase = NameOf(step.phase);
    if (phases_.empty() || phases_.back() != phase) phases_.push_back(phase);
    if (step.layer < 0) return;
    first_ = first_ < 0 ? step.layer : std::min(first_, step.layer);
    last_ = std::max(last_, step.layer);
  }

  std::string Text() const {
    if (phases_.empty()) return "nothing";
    const std::string phases = absl::StrJoin(phases_, ", ");
    if (first_ < 0) return phases;
    if (first_ == last_) return absl::StrCat(phases, " ", first_);
    return absl::StrCat(phases, " ", first_, " to ", last_);
  }

 private:
  std::vector<std::string> phases_;
  int first_ = -1;
  int last_ = -1;
};

std::vector<std::string> Labels(const std::vector<PlanStep>& steps) {
  std::vector<SegmentLabel> labels(1);
  for (const PlanStep& step : steps) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) {
      labels.back().Add(*compute);
    } else {
      labels.emplace_back();
    }
  }
  std::vector<std::string> texts;
  for (const SegmentLabel& label : labels) texts.push_back(label.Text());
  return texts;
}

// "activation_fwd 3"; of a message "activation_fwd 3 to 1".
std::string NameOfExchange(int rank, const CollectiveStep& collective) {
  std::string name = NameOf(collective.tag.traffic);
  if (collective.tag.layer >= 0) absl::StrAppend(&name, " ", collective.tag.layer);
  if (collective.kind != CollectiveKind::kSend) return name;
  const bool sends = collective.group.front() == rank;
  return absl::StrCat(name, sends ? " to " : " from ",
                      sends ? collective.group.back() : collective.group.front());
}

}  // namespace

TraceRecorder::TraceRecorder(const StepPlan& plan, std::vector<std::string> devices)
    : devices_(std::move(devices)), waits_(plan.world_size) {
  for (const std::vector<PlanStep>& steps : plan.steps) labels_.push_back(Labels(steps));
}

void TraceRecorder::OnCompute(int rank, absl::Time begin, absl::Time end, size_t segment) {
  if (begin == end) return;
  slices_.push_back(
      {begin, end - begin, ProcessOf(rank), kComputeTrack, labels_[rank][segment], "{}"});
}

void TraceRecorder::OnCollective(int rank, absl::Time begin, absl::Time end,
                                 const CollectiveStep& collective) {
  const bool overlaps = collective.part != CollectivePart::kBoth;
  if (overlaps) overlapping_.insert(rank);
  slices_.push_back({begin, end - begin, ProcessOf(rank),
                     overlaps ? kOverlapTrack : kCollectiveTrack, NameOfExchange(rank, collective),
                     absl::StrCat("{\"bytes\":", collective.wire_bytes(), "}")});
}

void TraceRecorder::OnWait(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms) {
  waits_.Add(rank, begin, end, terms);
}

void TraceRecorder::OnMessage(const MessageSpan& message) {
  links_.emplace(message.source, message.destination);
  const auto ranks = static_cast<int64_t>(devices_.size());
  const absl::Duration jitterless = message.first_bit - message.egress_start;
  slices_.push_back(
      {message.egress_start, message.egress_end - message.egress_start,
       ProcessOf(static_cast<int>(ranks)), message.source * ranks + message.destination + 1,
       absl::StrCat(message.bytes, " B"),
       absl::StrCat("{\"bytes\":", message.bytes,
                    ",\"queued_us\":", Microseconds(message.egress_start - message.handover),
                    ",\"flight_us\":", Microseconds(jitterless), ",\"last_bit_after_us\":",
                    Microseconds(message.last_bit - message.handover), "}")});
}

std::string TraceRecorder::Json() const {
  std::vector<Slice> slices = slices_;
  waits_.ForEachTerm([&](int rank, const char* name, absl::Time begin, absl::Duration length) {
    slices.push_back({begin, length, ProcessOf(rank), kWaitTrack, name, "{}"});
  });
  absl::Time start = absl::InfiniteFuture();
  for (const Slice& slice : slices) start = std::min(start, slice.begin);
  std::vector<std::string> events;
  const int ranks = static_cast<int>(devices_.size());
  for (int rank = 0; rank < ranks; ++rank) {
    const int process = ProcessOf(rank);
    events.push_back(Metadata("process_name", process, 0,
                              absl::StrCat("rank ", rank, " (", devices_[rank], ")")));
    events.push_back(Metadata("thread_name", process, kComputeTrack, "compute"));
    events.push_back(Metadata("thread_name", process, kCollectiveTrack, "collective"));
    events.push_back(Metadata("thread_name", process, kWaitTrack, "waiting"));
    if (overlapping_.contains(rank))
      events.push_back(Metadata("thread_name", process, kOverlapTrack, "exchange under compute"));
  }
  if (!links_.empty()) events.push_back(Metadata("process_name", ProcessOf(ranks), 0, "links"));
  for (const auto& [source, destination] : links_) {
    events.push_back(Metadata("thread_name", ProcessOf(ranks),
                              int64_t{source} * ranks + destination + 1,
                              absl::StrCat(source, " -> ", destination)));
  }
  std::stable_sort(slices.begin(), slices.end(),
                   [](const Slice& left, const Slice& right) { return left.begin < right.begin; });
  for (const Slice& slice : slices) {
    events.push_back(
        absl::StrCat("{\"ph\":\"X\",\"name\":", Quoted(slice.name), ",\"pid\":", slice.process,
                     ",\"tid\":", slice.track, ",\"ts\":", Microseconds(slice.begin - start),
                     ",\"dur\":", Microseconds(slice.length), ",\"args\":", slice.arguments, "}"));
  }
  return absl::StrCat("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n",
                      absl::StrJoin(events, ",\n"), "\n]}\n");
}

}  // namespace edgetp
