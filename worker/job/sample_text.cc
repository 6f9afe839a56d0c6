#include "worker/job/sample_text.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/quantile.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/plan/context_window.h"
#include "common/plan/pattern.h"
#include "common/simulate/decode_report.h"
#include "worker/job/decode_pass.h"
#include "worker/job/sampler.h"
#include "worker/job/text_stream.h"

namespace edgetp {
namespace {

// The server takes no longer ones.
constexpr size_t kTextPieceBytes = 32 << 10;

// A prompt and what has become of it.
struct Sequence {
  int row = 0;                  // its place in the task, and in the cache
  std::vector<int64_t> tokens;  // the prompt's, then those that were made
  int made = 0;
  int64_t begin = -1;  // of what the decoder has of it; -1: nothing
  uint64_t key = 0;    // of its random numbers
  TextStream text;
  bool ended = false;
};

std::vector<std::vector<int64_t>> PromptsOf(const v1::SampleTask& task) {
  std::vector<std::vector<int64_t>> prompts;
  for (const v1::SamplePrompt& prompt : task.prompts())
    prompts.emplace_back(prompt.tokens().begin(), prompt.tokens().end());
  if (prompts.empty()) prompts.emplace_back(task.prompt().begin(), task.prompt().end());
  return prompts;
}

// Equal prompts get different ones.
std::vector<Sequence> SequencesOf(const v1::SampleTask& task) {
  std::map<std::vector<int64_t>, uint64_t> seen;
  std::vector<Sequence> sequences;
  for (std::vector<int64_t>& prompt : PromptsOf(task)) {
    uint64_t key = RandomBits(task.seed(), prompt.size(), seen[prompt]++);
    for (const int64_t token : prompt) key = RandomBits(key, static_cast<uint64_t>(token));
    sequences.push_back({.row = static_cast<int>(sequences.size()),
                         .tokens = std::move(prompt),
                         .key = key,
                         .text = TextStream({task.stop().begin(), task.stop().end()})});
  }
  return sequences;
}

SamplerOptions ToSamplerOptions(const v1::SampleTask& task) {
  SamplerOptions options;
  options.temperature = task.temperature();
  if (task.has_top_k()) options.top_k = task.top_k();
  if (task.has_top_p()) options.top_p = task.top_p();
  return options;
}

v1::StepReport ReportOf(const StepStats& stats) {
  v1::StepReport report;
  report.set_step_seconds(absl::ToDoubleSeconds(stats.elapsed));
  *report.mutable_breakdown_seconds() = stats.breakdown_seconds;
  report.set_hidden_seconds(absl::ToDoubleSeconds(stats.hidden));
  *report.mutable_bytes() = stats.bytes;
  *report.mutable_fidelity() = stats.fidelity;
  return report;
}

class SampleLoop {
 public:
  SampleLoop(const SampleParts& parts, DecodePasses passes)
      : parts_(parts),
        task_(*parts.task),
        window_(parts.config->model().sequence()),
        options_(ToSamplerOptions(task_)),
        caches_(!task_.has_cache() || task_.cache()),
        sequences_(SequencesOf(task_)),
        passes_(std::move(passes)) {}

  absl::StatusOr<v1::SampleReport> Run() {
    begin_ = MonotonicNow();
    for (int made = 0; made < task_.tokens() && !AllEnded(); ++made) {
      RETURN_IF_ERROR(parts_.control->aborted());
      RETURN_IF_ERROR(NextTokens(made));
    }
    for (Sequence& sequence : sequences_) Send(sequence, sequence.text.Finish());
    return Report();
  }

 private:
  bool AllEnded() const {
    return std::all_of(sequences_.begin(), sequences_.end(),
                       [](const Sequence& sequence) { return sequence.ended; });
  }

  // One of each sequence that goes on.
  absl::Status NextTokens(int made) {
    const absl::Time begin = MonotonicNow();
    std::vector<Sequence*> anew, on;
    for (Sequence& sequence : sequences_) {
      if (sequence.ended) continue;
      const int64_t first = window_.Begin(static_cast<int64_t>(sequence.tokens.size()));
      (caches_ && sequence.begin == first ? on : anew).push_back(&sequence);
      sequence.begin = first;
    }
    // The prompts' own passes are no steps: what is measured is one token after another.
    const int step = made - 1;
    StepStats stats;
    if (!anew.empty()) RETURN_IF_ERROR(BeginAnew(step, anew, &stats));
    if (!on.empty()) RETURN_IF_ERROR(GoOn(step, on, &stats));
    Accumulate(stats, &total_);
    if (made == 0) {
      first_seconds_ = absl::ToDoubleSeconds(MonotonicNow() - begin_);
      return absl::OkStatus();
    }
    token_seconds_.push_back(absl::ToDoubleSeconds(MonotonicNow() - begin));
    // As in training, the verdict is not about the first one.
    if (made == 1 && task_.tokens() > 2) parts_.group->ResetTotalFidelity();
    if (parts_.step) ReportStep(made, stats);
    return absl::OkStatus();
  }

  absl::Status BeginAnew(int step, const std::vector<Sequence*>& which, StepStats* stats) {
    std::vector<int> rows;
    std::vector<std::vector<int64_t>> contexts;
    for (const Sequence* sequence : which) {
      rows.push_back(sequence->row);
      contexts.emplace_back(sequence->tokens.begin() + sequence->begin, sequence->tokens.end());
    }
    return passes_.Begin(
        step, rows, contexts, [&](const std::vector<float>& logits) { Choose(which, logits); },
        stats);
  }

  absl::Status GoOn(int step, const std::vector<Sequence*>& which, StepStats* stats) {
    std::vector<int> rows;
    std::vector<int64_t> tokens;
    int64_t longest = 0;  // without the new token
    for (const Sequence* sequence : which) {
      rows.push_back(sequence->row);
      tokens.push_back(sequence->tokens.back());
      longest =
          std::max(longest, static_cast<int64_t>(sequence->tokens.size()) - 1 - sequence->begin);
    }
    return passes_.Append(
        step, rows, tokens, static_cast<int>(longest),
        [&](const std::vector<float>& logits) { Choose(which, logits); }, stats);
  }

  // Shapes: logits (which, V).
  void Choose(const std::vector<Sequence*>& which, const std::vector<float>& logits) {
    const size_t V = logits.size() / which.size();
    for (size_t i = 0; i < which.size(); ++i) {
      Sequence& sequence = *which[i];
      const double uniform = ToUnit(RandomBits(sequence.key, static_cast<uint64_t>(sequence.made)));
      const int64_t token =
          SampleToken(absl::MakeConstSpan(logits).subspan(i * V, V), options_, uniform);
      sequence.tokens.push_back(token);
      ++sequence.made;
      Send(sequence, sequence.text.Add(BytesOf(token, sequence.made == 1)));
      sequence.ended = sequence.text.stopped();
    }
  }

  std::string BytesOf(int64_t token, bool first) const {
    if (token < task_.token_text_size()) return task_.token_text(static_cast<int>(token));
    if (task_.token_text_size() > 0) return "";
    if (parts_.symbols.empty()) return absl::StrCat(first ? "" : " ", token);
    return token < static_cast<int64_t>(parts_.symbols.size()) ? parts_.symbols[token] : "";
  }

  // In pieces of a bounded size. Nobody can follow several texts at once.
  void Send(const Sequence& sequence, const std::string& text) const {
    const bool streams = parts_.text && sequences_.size() == 1;
    for (size_t at = 0; streams && at < text.size(); at += kTextPieceBytes) {
      v1::SampleText message;
      message.set_prompt(sequence.row);
      message.set_text(text.substr(at, kTextPieceBytes));
      parts_.text(std::move(message));
    }
  }

  void ReportStep(int made, const StepStats& stats) const {
    v1::StepReport report = ReportOf(stats);
    report.set_step(made);
    report.set_network(parts_.network());
    report.set_end_seconds(absl::ToDoubleSeconds(MonotonicNow() - begin_));
    parts_.step(stats, std::move(report));
  }

  absl::StatusOr<v1::SampleReport> Report() const {
    v1::SampleReport report;
    int tokens = 0;
    for (const Sequence& sequence : sequences_) {
      v1::Continuation* const continuation = report.add_continuations();
      continuation->set_text(sequence.text.text());
      continuation->set_tokens(sequence.made);
      continuation->set_ended_by(sequence.text.stopped() ? "stop" : "tokens");
      tokens += sequence.made;
    }
    report.set_text(sequences_.front().text.text());
    report.set_tokens(tokens);
    const double seconds = absl::ToDoubleSeconds(MonotonicNow() - begin_);
    if (seconds > 0) report.set_tokens_per_second(tokens / seconds);
    report.set_first_token_seconds(first_seconds_);
    report.set_token_seconds(Quantile(token_seconds_, 0.5));
    report.set_communication_share(CommunicationShare(total_.breakdown_seconds));
    report.set_network(parts_.network());
    report.set_workers(parts_.config->workers());
    ASSIGN_OR_RETURN(const Pattern pattern,
                     Pattern::Parse(parts_.config->pattern(), parts_.config->model().layers()));
    report.set_pattern(pattern.Expanded());
    return report;
  }

  const SampleParts& parts_;
  const v1::SampleTask& task_;
  const ContextWindow window_;
  const SamplerOptions options_;
  const bool caches_;
  std::vector<Sequence> sequences_;
  DecodePasses passes_;
  absl::Time begin_;
  double first_seconds_ = 0;
  std::vector<double> token_seconds_;
  StepStats total_;
};

// Tokens of each sequence for which there has to be room.
int CapacityFor(const v1::SampleTask& task, int sequence) {
  if (task.has_cache() && !task.cache()) return 0;
  size_t longest = 0;
  for (const std::vector<int64_t>& prompt : PromptsOf(task))
    longest = std::max(longest, prompt.size());
  const int64_t wanted = static_cast<int64_t>(longest) + task.tokens();
  return static_cast<int>(std::min<int64_t>(wanted, sequence));
}

}  // namespace

absl::StatusOr<v1::SampleReport> SampleTexts(const SampleParts& parts) {
  const int rows = std::max(1, parts.task->prompts_size());
  const int capacity = CapacityFor(*parts.task, parts.config->model().sequence());
  ASSIGN_OR_RETURN(const std::unique_ptr<Decoder> decoder,
                   parts.trainer->NewDecoder({.rows = rows, .capacity = capacity}));
  ASSIGN_OR_RETURN(DecodePasses passes,
                   DecodePasses::Create(*parts.config, capacity, decoder.get(), parts.group));
  return SampleLoop(parts, std::move(passes)).Run();
}

}  // namespace edgetp
