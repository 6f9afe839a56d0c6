// What the peers of `edgetp bench allreduce` share: their options, the rule by which they time
// (that of worker/bench_all_reduce.cc: warm-up, then every all-reduce by itself, one after another
// without a barrier, as rank 0 sees it), their row of JSON, and one process per rank. Throws on
// failure: these programs have no caller but bench/performance/allreduce.py.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace edgetp::bench {

struct Options {
  int workers = 2;
  long bytes = 4096;
  int iterations = 100;
  std::string algorithm;
};

// --workers=N --bytes=N --iterations=N --algorithm=NAME
inline Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (name == "--workers") {
      options.workers = std::stoi(value);
    } else if (name == "--bytes") {
      options.bytes = std::stol(value);
    } else if (name == "--iterations") {
      options.iterations = std::stoi(value);
    } else if (name == "--algorithm") {
      options.algorithm = value;
    } else {
      throw std::invalid_argument("unknown option " + argument);
    }
  }
  return options;
}

inline double NowMicroseconds() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline double Quantile(const std::vector<double>& sorted, double probability) {
  const double rank = std::ceil(probability * static_cast<double>(sorted.size())) - 1;
  return sorted[static_cast<size_t>(std::max(0.0, rank))];
}

// The sum of ones is checked once; after that the values are zeros, which stay as they are.
inline void CheckSum(std::vector<float>& data, int workers,
                     const std::function<void()>& all_reduce) {
  std::fill(data.begin(), data.end(), 1.0f);
  all_reduce();
  const auto wrong = [workers](float value) { return value != static_cast<float>(workers); };
  if (std::any_of(data.begin(), data.end(), wrong)) throw std::runtime_error("the sum is wrong");
  std::fill(data.begin(), data.end(), 0.0f);
}

// Times `all_reduce`, which sums `data` in place; rank 0 prints the row.
inline void TimeAllReduce(const Options& options, int rank, std::vector<float>& data,
                          const std::function<void()>& all_reduce) {
  constexpr int kWarmup = 10;
  CheckSum(data, options.workers, all_reduce);
  for (int i = 0; i < kWarmup; ++i) all_reduce();
  std::vector<double> times_us;
  for (int i = 0; i < options.iterations; ++i) {
    const double begin = NowMicroseconds();
    all_reduce();
    times_us.push_back(NowMicroseconds() - begin);
  }
  std::sort(times_us.begin(), times_us.end());
  if (rank != 0) return;
  std::printf(
      R"({"bytes": %ld, "workers": %d, "algorithm": "%s", "median_us": %.2f, "p99_us": %.2f})"
      "\n",
      options.bytes, options.workers, options.algorithm.c_str(), Quantile(times_us, 0.5),
      Quantile(times_us, 0.99));
}

// Runs body(rank) in a process for each rank; the exit code of the program.
inline int RunRanks(int workers, const std::function<void(int rank)>& body) {
  for (int rank = 0; rank < workers; ++rank) {
    if (fork() != 0) continue;
    alarm(120);  // a peer that hangs must not hang the measurement
    try {
      body(rank);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
      _exit(1);
    }
    std::fflush(stdout);
    _exit(0);
  }
  int failed = 0;
  for (int rank = 0, status = 0; rank < workers; ++rank) {
    wait(&status);
    failed |= status;
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace edgetp::bench
