// A run as a screenful of text: how far it is, its loss, where a step's time goes, and the links.
// Used by `edgetp watch`. Pure; not thread-safe.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "edgetp/v1/control.pb.h"

namespace edgetp {

struct ScreenStyle {
  int width = 80;  // columns; no line is longer
  bool color = false;
  bool unicode = false;
};

class RunScreen {
 public:
  // `run`: as the server's status has it.
  explicit RunScreen(const v1::StatusResponse::Run& run) : run_(run) {}

  void Add(const v1::RunEvent& event);
  // The profile in force; its events are what is to come.
  void SetNetwork(const v1::NetworkProfile& network) { network_ = network; }

  // `seconds_left`: of the run, as far as that is known.
  std::vector<std::string> Render(const ScreenStyle& style,
                                  std::optional<double> seconds_left) const;

  // With what has been added since.
  const v1::StatusResponse::Run& run() const { return run_; }
  const std::optional<v1::StepRecord>& last_step() const { return last_; }

 private:
  void AddHead(const ScreenStyle& style, std::optional<double> seconds_left,
               std::vector<std::string>* lines) const;
  void AddLoss(const ScreenStyle& style, std::vector<std::string>* lines) const;
  void AddParts(const ScreenStyle& style, std::vector<std::string>* lines) const;
  void AddLinks(const ScreenStyle& style, std::vector<std::string>* lines) const;

  v1::StatusResponse::Run run_;
  std::optional<v1::NetworkProfile> network_;
  std::optional<v1::StepRecord> last_;
  std::optional<double> val_loss_;
  std::vector<double> losses_;
  std::deque<v1::StepRecord> recent_;
  std::string note_;
};

}  // namespace edgetp
