// What the peers of `edgetp bench allreduce` share: their options, the rule by which they time
// (that of worker/job/bench_all_reduce.h: after a barrier, from when the last rank has entered until the
// last one has left), their row of JSON, and one process per rank. Throws on
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
#include <utility>
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

// What ranks tell one another, by the all-reduce that is measured: each fills its own row of zeros.
class Exchange {
 public:
  Exchange(int workers, int rank, std::vector<float>& data, std::function<void()> all_reduce)
      : workers_(workers), rank_(rank), data_(data), all_reduce_(std::move(all_reduce)) {}

  // Values that fit into one all-reduce.
  size_t RowSize() const { return data_.size() / workers_; }

  std::vector<std::vector<float>> Gather(const std::vector<float>& own) {
    std::fill(data_.begin(), data_.end(), 0.0f);
    const auto size = static_cast<ptrdiff_t>(own.size());
    std::copy(own.begin(), own.end(), data_.begin() + size * rank_);
    all_reduce_();
    std::vector<std::vector<float>> rows;
    for (int rank = 0; rank < workers_; ++rank)
      rows.emplace_back(data_.begin() + size * rank, data_.begin() + size * (rank + 1));
    std::fill(data_.begin(), data_.end(), 0.0f);
    return rows;
  }

  // A barrier; returns a moment that is the same for all ranks, when it has come. In whole
  // microseconds, in two parts that a float holds exactly.
  double Meet() {
    const double now = std::floor(NowMicroseconds());
    const double high = std::floor(now / kPart);
    double last = 0;
    const auto rows =
        Gather({static_cast<float>(high), static_cast<float>(now - high * kPart), barrier_us_});
    float barrier_us = 0;
    for (const std::vector<float>& row : rows) {
      last = std::max(last, row[0] * kPart + row[1]);
      barrier_us = std::max(barrier_us, row[2]);
    }
    const double start = last + 1.25 * barrier_us + 100;
    barrier_us_ = std::max(barrier_us_ / 2, static_cast<float>(NowMicroseconds() - last));
    while (NowMicroseconds() < start) {
    }
    return start;
  }

 private:
  static constexpr double kPart = 1 << 20;

  const int workers_;
  const int rank_;
  std::vector<float>& data_;
  const std::function<void()> all_reduce_;
  float barrier_us_ = 0;
};

// Each round's time from the ranks' own: all have seen the same rounds.
inline std::vector<double> SlowestRanks(Exchange& exchange, const std::vector<float>& entered,
                                        const std::vector<float>& left) {
  std::vector<double> times_us;
  const size_t at_once = std::max<size_t>(1, exchange.RowSize() / 2);
  for (size_t begin = 0; begin < entered.size(); begin += at_once) {
    const size_t count = std::min(at_once, entered.size() - begin);
    std::vector<float> own(entered.begin() + static_cast<ptrdiff_t>(begin),
                           entered.begin() + static_cast<ptrdiff_t>(begin + count));
    own.insert(own.end(), left.begin() + static_cast<ptrdiff_t>(begin),
               left.begin() + static_cast<ptrdiff_t>(begin + count));
    const auto rows = exchange.Gather(own);
    for (size_t i = 0; i < count; ++i) {
      float last_in = 0;
      float last_out = 0;
      for (const std::vector<float>& row : rows) {
        last_in = std::max(last_in, row[i]);
        last_out = std::max(last_out, row[count + i]);
      }
      times_us.push_back(last_out - last_in);
    }
  }
  return times_us;
}

// Times `all_reduce`, which sums `data` in place; rank 0 prints the row.
inline void TimeAllReduce(const Options& options, int rank, std::vector<float>& data,
                          const std::function<void()>& all_reduce) {
  constexpr int kWarmup = 10;
  CheckSum(data, options.workers, all_reduce);
  for (int i = 0; i < kWarmup; ++i) all_reduce();
  Exchange exchange(options.workers, rank, data, all_reduce);
  std::vector<float> entered;
  std::vector<float> left;
  for (int i = 0; i < options.iterations; ++i) {
    const double start = exchange.Meet();
    entered.push_back(static_cast<float>(NowMicroseconds() - start));
    all_reduce();
    left.push_back(static_cast<float>(NowMicroseconds() - start));
  }
  std::vector<double> times_us = SlowestRanks(exchange, entered, left);
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
