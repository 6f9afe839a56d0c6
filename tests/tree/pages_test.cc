// Reads the pages (*.md) and checks what can be checked of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr size_t kColumns = 120;

std::vector<std::string> LinesOf(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<fs::path> Pages() {
  const fs::path root = EDGETP_SOURCE_DIR;
  std::vector<fs::path> pages;
  for (const char* folder : {"", "docs", "configs", "bench", "deploy", ".github"}) {
    if (!fs::is_directory(root / folder)) continue;
    for (const auto& entry : fs::directory_iterator(root / folder)) {
      if (entry.path().extension() == ".md") pages.push_back(entry.path());
    }
  }
  return pages;
}

// In characters, not bytes.
size_t Columns(const std::string& line) {
  return std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

// Whether a shorter line would have been possible: tables, code, and a single long word are as wide
// as they are. What scripts/measure.sh writes is a table's neighbour and counts as one.
class Prose {
 public:
  bool Is(const std::string& line) {
    const size_t begin = std::min(line.find_first_not_of(' '), line.size());
    const std::string text = line.substr(begin);
    if (text.rfind("```", 0) == 0) code_ = !code_;
    if (text.rfind("<!-- begin ", 0) == 0) measured_ = true;
    if (text.rfind("<!-- end ", 0) == 0) measured_ = false;
    const bool indented = begin >= 4;
    return !code_ && !measured_ && !indented && text.rfind("|", 0) != 0 &&
           text.find(' ') != std::string::npos;
  }

 private:
  bool code_ = false;
  bool measured_ = false;
};

TEST(PagesTest, LinesStayWithin120Columns) {
  const std::vector<fs::path> pages = Pages();
  EXPECT_GE(pages.size(), 17u);
  for (const fs::path& page : pages) {
    Prose prose;
    for (const std::string& line : LinesOf(page)) {
      if (!prose.Is(line)) continue;
      EXPECT_LE(Columns(line), kColumns) << page.filename() << ": " << line;
    }
  }
}

// All "TEST(Suite, Name)" of tests/, with their macros taken away: "Suite, Name)".
std::string Declarations() {
  std::string all;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(EDGETP_SOURCE_DIR) / "tests")) {
    if (entry.path().extension() != ".cc") continue;
    for (const std::string& line : LinesOf(entry.path())) {
      if (line.rfind("TEST", 0) == 0) all += line + "\n";
    }
  }
  return all;
}

// The tests that a line names, as they are declared. A name without its suite, `LikeThisOne`, has
// that of the name before it; `SuiteTest.*` is all of a suite.
std::vector<std::string> TestsNamedBy(const std::string& line) {
  static const std::regex pattern(
      "`(?:([A-Za-z]+Test)\\.)?([A-Z][A-Za-z0-9]+[a-z][A-Z][A-Za-z0-9]+|\\*)`");
  std::vector<std::string> names;
  std::string suite;
  for (std::sregex_iterator at(line.begin(), line.end(), pattern), end; at != end; ++at) {
    if ((*at)[1].matched) suite = (*at)[1].str();
    if (suite.empty()) continue;
    const std::string name = (*at)[2].str();
    names.push_back("(" + suite + ", " + (name == "*" ? "" : name + ")"));
  }
  return names;
}

TEST(PagesTest, EveryTestThatAPageNamesExists) {
  const std::string declared = Declarations();
  int named = 0;
  for (const fs::path& page : Pages()) {
    for (const std::string& line : LinesOf(page)) {
      for (const std::string& name : TestsNamedBy(line)) {
        EXPECT_NE(declared.find(name), std::string::npos)
            << page.filename() << " names " << name << ", which is no test";
        ++named;
      }
    }
  }
  EXPECT_GE(named, 60);
}

// Files and folders of this repository that a page names; a word in capitals stands for a name.
TEST(PagesTest, EveryFileThatAPageNamesExists) {
  const fs::path root = EDGETP_SOURCE_DIR;
  static const std::regex pattern(
      "`((?:bench|cli|cmake|common|configs|deploy|docker|docs|proto|scripts|server|tests|worker)/"
      "[A-Za-z0-9_/.-]*[A-Za-z0-9_/])`");
  int named = 0;
  for (const fs::path& page : Pages()) {
    for (const std::string& line : LinesOf(page)) {
      for (std::sregex_iterator at(line.begin(), line.end(), pattern), end; at != end; ++at) {
        const std::string path = (*at)[1].str();
        // "worker/transport/holding_transport" is a header with its source.
        const bool placeholder = std::regex_search(path, std::regex("[A-Z]{3}"));
        const bool exists =
            placeholder || fs::exists(root / path) || fs::exists(root / (path + ".h"));
        EXPECT_TRUE(exists) << page.filename() << " names " << path << ", which is not here";
        ++named;
      }
    }
  }
  EXPECT_GE(named, 40);
}

}  // namespace
}  // namespace edgetp
