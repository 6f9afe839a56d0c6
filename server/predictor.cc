#include "server/predictor.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/simulate/predicted_steps.h"

namespace edgetp {
namespace {

// The next run may have begun, and its times are what counts.
constexpr int kNiceness = 10;

}  // namespace

Predictor::Predictor(absl::Duration budget, Done done)
    : budget_(budget), done_(std::move(done)), thread_([this] { Main(); }) {}

Predictor::~Predictor() { Stop(); }

bool Predictor::Wants(const EndedRun& ended) {
  // Under the simulated clock the steps are what a prediction would say.
  return ended.outcome == "done" && HasSteps(ended.spec) &&
         (ended.spec.has_train() || !ended.statistics.step_seconds.empty()) &&
         ended.spec.config().clock() != v1::CLOCK_SIMULATED;
}

void Predictor::Post(EndedRun ended) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!stopped_) {
      runs_.push_back(std::move(ended));
      changed_.notify_all();
      return;
    }
  }
  done_(std::move(ended), Prediction());
}

void Predictor::Cut(const std::string& run) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool waits = std::any_of(runs_.begin(), runs_.end(),
                                 [&run](const EndedRun& ended) { return ended.run == run; });
  if (waits) cut_.insert(run);
}

void Predictor::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Predictor::IsCut(const std::string& run) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopped_ || cut_.count(run) > 0;
}

Prediction Predictor::Predict(const EndedRun& ended) {
  const absl::Time begin = MonotonicNow();
  absl::StatusOr<Prediction> prediction = PredictSteps(ended, [&](double share) {
    return IsCut(ended.run) || MonotonicNow() - begin >= budget_ * share;
  });
  if (!prediction.ok()) {
    spdlog::warn("run {}: no prediction: {}", ended.run,
                 std::string(prediction.status().message()));
    return {};
  }
  const int wanted =
      std::min(kPredictedSteps, static_cast<int>(ended.statistics.step_seconds.size()));
  if (MonotonicNow() - begin >= budget_) {
    spdlog::warn("run {}: the prediction was cut short after {} of {} steps (budget_s={:.0f})",
                 ended.run, prediction->steps, wanted, absl::ToDoubleSeconds(budget_));
  }
  return *std::move(prediction);
}

void Predictor::Main() {
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);  // it is only a courtesy
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || !runs_.empty(); });
    if (runs_.empty()) return;
    const EndedRun& first = runs_.front();  // a deque's elements stay where they are
    lock.unlock();
    Prediction prediction = Predict(first);
    lock.lock();
    EndedRun ended = std::move(runs_.front());
    runs_.pop_front();
    cut_.erase(ended.run);
    lock.unlock();
    done_(std::move(ended), std::move(prediction));
    lock.lock();
  }
}

}  // namespace edgetp
