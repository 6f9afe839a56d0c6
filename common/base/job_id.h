// The id of a job among server and workers: a run's name, and, from its second attempt on, which
// attempt it is ("a#2"): a worker that still speaks of the one before is not mistaken. No name of a
// run has a '#'. Pure.
#pragma once

#include <string>

namespace edgetp {

inline std::string JobOfAttempt(const std::string& run, int attempt) {
  return attempt <= 1 ? run : run + "#" + std::to_string(attempt);
}

inline std::string RunOfJob(const std::string& job) { return job.substr(0, job.find('#')); }

}  // namespace edgetp
