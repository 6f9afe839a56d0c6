// Reads the sources and checks the rules of docs/architecture.md: who may include what, and how
// long a file may be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace edgetp {
namespace {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;  // from the root
  std::vector<std::string> lines;
};

std::vector<SourceFile> ReadSources() {
  std::vector<SourceFile> files;
  const fs::path root = EDGETP_SOURCE_DIR;
  for (const char* folder : {"common", "server", "worker", "cli", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      SourceFile file{fs::relative(entry.path(), root).string(), {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) file.lines.push_back(line);
      files.push_back(std::move(file));
    }
  }
  return files;
}

struct Rule {
  std::string folder;
  std::vector<std::string> forbidden;  // beginnings of include paths
};

const std::vector<std::string> kTorch = {"torch/", "ATen/", "c10/", "worker/model/torch.h"};
const std::vector<std::string> kGrpc = {"grpc", "edgetp/v1/cluster.grpc", "edgetp/v1/control.grpc",
                                        "common/rpc"};
const std::vector<std::string> kClock = {"absl/time/clock", "common/base/clock", "chrono", "time.h",
                                         "ctime"};
const std::vector<std::string> kPrometheus = {"prometheus/", "common/metrics"};

std::vector<std::string> Join(std::initializer_list<std::vector<std::string>> lists) {
  std::vector<std::string> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

std::vector<Rule> Rules() {
  const auto pure = Join({kTorch, kGrpc, kClock, kPrometheus, {"server/", "worker/", "cli/"}});
  return {
      {"common/advise/", pure},
      {"common/collective/", pure},
      {"common/plan/", pure},
      {"common/network/", pure},
      {"common/published/", pure},
      {"common/search/", pure},
      {"common/simulate/", pure},
      {"common/", Join({kTorch, {"server/", "worker/", "cli/"}})},
      {"server/", Join({kTorch, {"worker/", "cli/"}})},
      {"worker/model/", Join({kGrpc,
                              kClock,
                              kPrometheus,
                              {"edgetp/v1/", "common/config", "server/", "cli/",
                               "worker/transport/", "worker/collective/", "worker/job/"}})},
      {"worker/transport/", {"worker/collective/", "worker/job/", "worker/model/"}},
      {"worker/collective/", {"worker/job/", "worker/model/trainer", "worker/model/device"}},
      {"worker/", {"server/", "cli/"}},
      {"cli/", Join({kTorch, {"worker/"}})},
      {"cli/shared/", {"cli/commands/"}},
  };
}

// The path between the quotes or brackets of an include line, or nothing.
std::string IncludedPath(const std::string& line) {
  if (line.rfind("#include ", 0) != 0 || line.size() < 12) return "";
  const size_t end = line.find_first_of("\">", 10);
  return line.substr(10, end - 10);
}

TEST(SourceTreeTest, NoFolderIncludesWhatItMustNotKnow) {
  const std::vector<Rule> rules = Rules();
  for (const SourceFile& file : ReadSources()) {
    for (const Rule& rule : rules) {
      if (file.path.rfind(rule.folder, 0) != 0) continue;
      for (const std::string& line : file.lines) {
        const std::string included = IncludedPath(line);
        for (const std::string& forbidden : rule.forbidden) {
          EXPECT_FALSE(!included.empty() && included.rfind(forbidden, 0) == 0)
              << file.path << ": " << line << " is not allowed in " << rule.folder;
        }
      }
    }
  }
}

TEST(SourceTreeTest, OnlyTheModelIncludesLibTorch) {
  for (const SourceFile& file : ReadSources()) {
    if (file.path.rfind("worker/model/", 0) == 0 || file.path.rfind("tests/model/", 0) == 0)
      continue;
    for (const std::string& line : file.lines) {
      for (const std::string& torch : kTorch)
        EXPECT_NE(IncludedPath(line).rfind(torch, 0), 0u) << file.path << ": " << line;
    }
  }
}

TEST(SourceTreeTest, FilesStayShort) {
  for (const SourceFile& file : ReadSources()) {
    // A list of facts about one thing may be a little longer than code that one has to understand.
    const size_t limit = file.path.rfind("tests/", 0) == 0 ? 450 : 400;
    EXPECT_LE(file.lines.size(), limit) << file.path;
  }
}

TEST(SourceTreeTest, EveryHeaderSaysWhatItIs) {
  for (const SourceFile& file : ReadSources()) {
    if (!file.path.ends_with(".h")) continue;
    ASSERT_FALSE(file.lines.empty()) << file.path;
    EXPECT_EQ(file.lines[0].rfind("// ", 0), 0u)
        << file.path << " should open with what it is and who uses it";
  }
}

// docs/security.md: no rpc runs a command that a client names.
TEST(SourceTreeTest, NoRpcCanStartAProgram) {
  for (const SourceFile& file : ReadSources()) {
    // The launcher, a worker that starts itself again, and the command line's download of a text.
    const bool known = file.path == "cli/shared/child_process.cc" ||
                       file.path == "worker/job/process_setup.cc" ||
                       file.path == "common/data/resolve.cc";
    if (known || file.path.rfind("tests/", 0) == 0) continue;
    for (const std::string& line : file.lines) {
      for (const char* call : {"execv", "execl", "popen(", "posix_spawn", " system(", "fork()"})
        EXPECT_EQ(line.find(call), std::string::npos) << file.path << ": " << line;
    }
  }
}

}  // namespace
}  // namespace edgetp
