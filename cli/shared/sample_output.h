// What `edgetp sample` shows: one text as it is made, or several when all are there; and what a
// token took.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Prints on stdout. Not thread-safe.
class SampleOutput {
 public:
  explicit SampleOutput(std::vector<std::string> prompts) : prompts_(std::move(prompts)) {}

  // Text that is new. Ignored where there are several prompts.
  void Show(const v1::SampleText& piece);
  // What has not been shown yet.
  void Finish(const v1::SampleReport& report);
  // There will be no more: ends the line that was begun.
  void Abandon();

 private:
  const std::vector<std::string> prompts_;
  std::string shown_;  // of the first text, without its prompt
  bool begun_ = false;
};

// "time to first token 41.2 ms, 8.31 ms per token, 120 tokens/s, 71 % of it communication under
// wifi-5". `predicted_seconds`: of a token; 0: not known.
std::string TimingText(const v1::SampleReport& report, double predicted_seconds);

// A row for each batch: measured or simulated, the columns are the same.
std::string DecodeTable(const v1::DecodeReport& report);

}  // namespace edgetp
