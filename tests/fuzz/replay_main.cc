// A fuzz target as an ordinary test, for compilers without libFuzzer: replays the files of a
// folder, then a fixed number of mutations of them that depend on nothing but the seed.
//   fuzz_pattern_test CORPUS [RUNS [SEED]]
// An input that crashes, or takes longer than kLimitSeconds, is written to a file and named.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

// Generous: inputs take microseconds, but the host may be busy and the build may have sanitizers.
constexpr unsigned kLimitSeconds = 20;
constexpr size_t kMaxBytes = 1 << 14;
constexpr char kCrashFile[] = "fuzz-failure.bin";

std::string current;  // the input that is being tried

// Only calls that a signal handler may make.
void OnSignal(int signal) {
  const int file = open(kCrashFile, O_CREAT | O_TRUNC | O_WRONLY, 0644);
  const ssize_t written = write(file, current.data(), current.size());
  constexpr char kMessage[] = "the input that failed was written to ";
  const bool told = write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1) > 0 &&
                    write(STDERR_FILENO, kCrashFile, sizeof(kCrashFile) - 1) > 0 &&
                    write(STDERR_FILENO, "\n", 1) > 0;
  _exit(written >= 0 && told ? 1 : 2);
}

void Try(std::string input) {
  current = std::move(input);
  // An exact copy on the heap: a sanitizer then sees every byte that is read beyond it.
  const std::vector<uint8_t> bytes(current.begin(), current.end());
  alarm(kLimitSeconds);
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  alarm(0);
}

class Mutator {
 public:
  Mutator(std::vector<std::string> seeds, uint64_t seed) : seeds_(std::move(seeds)), seed_(seed) {}

  std::string Next() {
    std::string input = Seed();
    for (uint64_t edits = 1 + Draw(4); edits > 0; --edits) Edit(&input);
    if (input.size() > kMaxBytes) input.resize(kMaxBytes);
    return input;
  }

 private:
  uint64_t Draw(uint64_t below) { return RandomBits(seed_, ++drawn_) % below; }
  const std::string& Seed() { return seeds_[Draw(seeds_.size())]; }
  char Byte() {
    constexpr char kEdges[] = {'\0', '\x01', '\x7f', '\x80', '\xff', '0', '9', '-', '"', '\n'};
    return Draw(2) == 0 ? static_cast<char>(Draw(256)) : kEdges[Draw(sizeof(kEdges))];
  }
  // A piece of any input.
  std::string Piece() {
    const std::string& from = Seed();
    const size_t begin = Draw(from.size() + 1);
    return from.substr(begin, Draw(std::min<size_t>(64, from.size() - begin) + 1));
  }
  void Edit(std::string* input) {
    const size_t at = Draw(input->size() + 1);
    const size_t span = Draw(std::min<size_t>(16, input->size() - at) + 1);
    switch (Draw(6)) {
      case 0:
        if (at < input->size()) (*input)[at] ^= static_cast<char>(1 << Draw(8));
        break;
      case 1:
        if (at < input->size()) (*input)[at] = Byte();
        break;
      case 2:
        input->insert(at, 1 + Draw(8), Byte());
        break;
      case 3:
        input->erase(at, span);
        break;
      case 4:
        input->insert(at, Piece());
        break;
      case 5:
        input->replace(at, span, Piece());
        break;
    }
  }

  const std::vector<std::string> seeds_;
  const uint64_t seed_;
  uint64_t drawn_ = 0;
};

std::vector<std::string> ReadCorpus(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry);
  std::sort(paths.begin(), paths.end());  // the order on disk differs from machine to machine
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS [RUNS [SEED]]\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGABRT, SIGALRM, SIGSEGV, SIGFPE, SIGBUS, SIGILL})
    std::signal(signal, &OnSignal);
  const std::vector<std::string> corpus = ReadCorpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no input\n", argv[1]);
    return 2;
  }
  Try("");
  for (const std::string& input : corpus) Try(input);
  const int runs = argc > 2 ? std::atoi(argv[2]) : 0;
  Mutator mutator(corpus, argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  for (int i = 0; i < runs; ++i) Try(mutator.Next());
  std::printf("%zu inputs and %d mutations of them hold\n", corpus.size(), runs);
  return 0;
}

}  // namespace
}  // namespace edgetp

int main(int argc, char** argv) { return edgetp::Main(argc, argv); }
