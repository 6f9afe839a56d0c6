// A program with commands, for tests of its pages.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace edgetp {

class SmallProgram {
 public:
  SmallProgram() {
    app_.set_version_flag("--version", "small 1");
    app_.footer("Examples:\n  small run --fast\n  small run 'a b'\nExit codes: 0 done.");
    run_->add_option("-s,--steps", number_, "how many")->check(CLI::Range(1, 9));
    run_->add_option("--model", text_, "preset or file")->type_name("MODEL");
    run_->add_option("--format", text_, "of the output")
        ->check(CLI::Validator([](std::string&) { return std::string(); }, "{table,json}"));
    run_->add_option("--networks", list_, "several")->type_name("NETWORK")->delimiter(',');
    run_->add_option("--token", text_, "a secret")->envname("SMALL_TOKEN");
    run_->add_flag("--fast", flag_, "no waiting");
    run_->add_option("--secret", text_, "nobody sees it")->group("");
    show_->add_option("name", text_, "of a network")->type_name("NETWORK")->required();
  }

  const CLI::App& app() const { return app_; }
  const CLI::App& run() const { return *run_; }
  const CLI::App& show() const { return *show_; }

 private:
  CLI::App app_{"Small things, done well", "small"};
  CLI::App* run_ = app_.add_subcommand("run", "Do them");
  CLI::App* show_ = app_.add_subcommand("net", "Networks")->add_subcommand("show", "One of them");
  int number_ = 0;
  bool flag_ = false;
  std::string text_;
  std::vector<std::string> list_;
};

}  // namespace edgetp
