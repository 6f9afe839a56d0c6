#include "cli/shared/launcher.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/security_flags.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr absl::Duration kReadyPollInterval = absl::Milliseconds(10);
constexpr int kLastLines = 5;  // of a child's log, in an error message
// More workers than this, beyond one each, that end within the window: another one would, too.
constexpr int kMaxReplaced = 3;
constexpr absl::Duration kCrashWindow = absl::Minutes(1);

absl::StatusOr<std::string> OwnDirectory() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error)
    return absl::NotFoundError(
        absl::StrCat("find edgetp_server: /proc/self/exe: ", error.message()));
  return self.parent_path().string();
}

absl::StatusOr<std::string> MakeLogDirectory() {
  const char* given = getenv("TMPDIR");
  const std::string base = given != nullptr && *given != '\0' ? given : "/tmp";
  std::string path = absl::StrCat(base, "/edgetp-XXXXXX");
  if (mkdtemp(path.data()) != nullptr) return path;
  return absl::ErrnoToStatus(
      errno, absl::StrCat("create a folder for logs in ", base, " ($TMPDIR, else /tmp)"));
}

// The folder around it is this user's alone.
absl::Status WriteToken(const std::string& path) {
  unsigned char bytes[32];
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
    return absl::ErrnoToStatus(errno, "make a token");
  const std::string_view view(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  std::ofstream file(path);
  file << absl::BytesToHexString({view.data(), view.size()}) << "\n";
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("write ", path));
}

std::string Describe(ChildProcess& child, const std::string& end) {
  return absl::StrCat(child.name(), " (pid=", child.pid(), ") ", end, "; the end of ",
                      child.log_path(), ":\n", child.LastLines(kLastLines));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalCluster>> LocalCluster::Start(const LauncherOptions& options) {
  std::unique_ptr<LocalCluster> cluster(new LocalCluster(options));
  if (options.program_directory.empty()) {
    ASSIGN_OR_RETURN(cluster->options_.program_directory, OwnDirectory());
  }
  ASSIGN_OR_RETURN(cluster->log_directory_, MakeLogDirectory());
  RETURN_IF_ERROR(cluster->CheckDevices());
  RETURN_IF_ERROR(cluster->SetUpSecurity());
  const absl::Status started = cluster->StartChildren();
  if (!started.ok()) {
    // A child that ended has its last words in the message; one that hangs has left only its log.
    if (absl::IsDeadlineExceeded(started)) cluster->KeepLogs();
    return started;
  }
  return cluster;
}

absl::Status LocalCluster::StartChildren() {
  const std::string ready_file = log_directory_ + "/ready";
  std::vector<std::string> arguments = SecurityArguments();
  if (options_.security.insecure) arguments.push_back("--insecure");
  if (options_.security.insecure_metrics) arguments.push_back("--insecure_metrics");
  if (options_.security.insecure_page) arguments.push_back("--insecure_page");
  arguments.insert(arguments.end(),
                   {"--listen=" + options_.listen, "--metrics=" + options_.metrics,
                    "--page=" + options_.page,
                    "--runs=" + options_.runs_directory, "--ready_file=" + ready_file,
                    "--log_level=" + options_.log_level});
  for (const std::string& host : options_.page_hosts) arguments.push_back("--page_host=" + host);
  if (options_.allow_tuning) arguments.push_back("--allow_tuning");
  ASSIGN_OR_RETURN(ChildProcess server, StartChild("edgetp_server", "server", arguments));
  children_.push_back(std::move(server));
  RETURN_IF_ERROR(AwaitServer(ready_file));
  for (int i = 0; i < options_.workers; ++i) {
    ASSIGN_OR_RETURN(ChildProcess worker,
                     StartChild("edgetp_worker", absl::StrCat("worker ", i), WorkerArguments(i)));
    children_.push_back(std::move(worker));
  }
  return absl::OkStatus();
}

std::vector<std::string> LocalCluster::WorkerArguments(int slot) const {
  std::vector<std::string> arguments = SecurityArguments();
  arguments.insert(arguments.end(),
                   {"--server=" + address_, "--listen=127.0.0.1:0", "--device=" + options_.device,
                    absl::StrCat("--threads=", options_.threads), "--metrics=127.0.0.1:0",
                    "--log_level=" + options_.log_level});
  arguments.push_back(absl::StrCat("--device_slot=", slot));
  // A server of ours that is gone does not come back: who is left must not wait for it.
  if (!options_.stays) arguments.push_back("--rejoin_seconds=0");
  return arguments;
}

absl::Status LocalCluster::CheckDevices() {
  const bool plain = options_.precision.empty() || options_.precision == "fp32";
  if (options_.device == LauncherOptions().device && plain) return absl::OkStatus();
  const std::string log_path = log_directory_ + "/devices.log";
  ASSIGN_OR_RETURN(ChildProcess child,
                   ChildProcess::Start("device check",
                                       {options_.program_directory + "/edgetp_worker",
                                        "--device=" + options_.device, "--check_device",
                                        "--precision=" + (plain ? "fp32" : options_.precision)},
                                       log_path));
  if (!child.WaitUntil(MonotonicNow() + options_.start_limit))
    return absl::DeadlineExceededError("--device: the check for devices does not end");
  // It has something to say only where it finds fault.
  const std::string fault = child.LastLines(1);
  return fault.empty() ? absl::OkStatus() : absl::InvalidArgumentError(fault);
}

absl::Status LocalCluster::SetUpSecurity() {
  // They are meant for running clusters: the children would else take the client's certificate.
  ForgetSecurityVariables();
  if (options_.private_token) {
    options_.security = {.token_file = log_directory_ + "/token"};
    RETURN_IF_ERROR(WriteToken(options_.security.token_file));
  }
  ASSIGN_OR_RETURN(security_, Security::Load(options_.security, Role::kClient));
  return absl::OkStatus();
}

// What every process needs. On the command line, where others can look, are the names of files.
std::vector<std::string> LocalCluster::SecurityArguments() const {
  const SecurityOptions& security = options_.security;
  std::vector<std::string> arguments;
  const std::pair<const char*, const std::string&> files[] = {
      {"--tls_ca=", security.tls_ca},
      {"--tls_cert=", security.tls_cert},
      {"--tls_key=", security.tls_key},
      {"--token_file=", security.token_file}};
  for (const auto& [flag, file] : files) {
    if (!file.empty()) arguments.push_back(flag + file);
  }
  return arguments;
}

absl::StatusOr<ChildProcess> LocalCluster::StartChild(const std::string& program,
                                                      const std::string& name,
                                                      const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {options_.program_directory + "/" + program};
  if (access(command[0].c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat("start ", name, ": no program ", command[0], " (is everything built?)"));
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::string log_name = name;
  for (char& c : log_name) c = c == ' ' ? '_' : c;
  return ChildProcess::Start(name, command, absl::StrCat(log_directory_, "/", log_name, ".log"));
}

absl::Status LocalCluster::AwaitServer(const std::string& ready_file) {
  const absl::Time deadline = MonotonicNow() + options_.start_limit;
  while (true) {
    std::ifstream file(ready_file);
    // The server writes the file elsewhere and renames it, so a file that is there is complete:
    // "HOST:PORT".
    if (std::getline(file, address_)) return absl::OkStatus();
    ChildProcess& server = children_.front();
    if (const auto end = server.Ended(); end.has_value()) {
      return absl::UnavailableError(
          absl::StrCat("start server: ", *end, ": ", server.LastLines(1)));
    }
    if (WaitForShutdownSignal(kReadyPollInterval) != 0) return absl::CancelledError("interrupted");
    if (MonotonicNow() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("start server: not ready after ", absl::FormatDuration(options_.start_limit),
                       "; the end of ", server.log_path(), ":\n", server.LastLines(kLastLines)));
    }
  }
}

absl::Status LocalCluster::Check() {
  if (dead_workers_ == DeadWorkers::kReplace) {
    ASSIGN_OR_RETURN(const std::vector<std::string> told, ReplaceDeadWorkers());
    for (const std::string& each : told) absl::FPrintF(stderr, "\nedgetp: %s\n", each);
    return absl::OkStatus();
  }
  for (ChildProcess& child : children_) {
    const bool is_server = &child == &children_.front();
    if (dead_workers_ == DeadWorkers::kDoWithout && !is_server) continue;
    if (const auto end = child.Ended(); end.has_value())
      return absl::UnavailableError(Describe(child, *end));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> LocalCluster::ReplaceDeadWorkers() {
  std::vector<std::string> told;
  for (auto child = children_.begin(); child != children_.end(); ++child) {
    const auto end = child->Ended();
    if (!end.has_value()) continue;
    const std::string what = Describe(*child, *end);
    if (child == children_.begin()) return absl::UnavailableError(what);
    const absl::Time now = MonotonicNow();
    while (!replaced_.empty() && now - replaced_.front() > kCrashWindow) replaced_.pop_front();
    if (static_cast<int>(replaced_.size()) >= kMaxReplaced + options_.workers) {
      return absl::UnavailableError(
          absl::StrCat("workers end again and again (replaced=", replaced_.size(),
                       " within_s=", absl::ToInt64Seconds(kCrashWindow), "): ", what));
    }
    replaced_.push_back(now);
    // The server comes first.
    const auto slot = static_cast<int>(std::distance(children_.begin(), child)) - 1;
    ASSIGN_OR_RETURN(ChildProcess worker,
                     StartChild("edgetp_worker", child->name(), WorkerArguments(slot)));
    told.push_back(
        absl::StrCat(what, "\n", child->name(), " is replaced (pid=", worker.pid(), ")"));
    child = children_.erase(child);
    child = children_.insert(child, std::move(worker));
  }
  return told;
}

void LocalCluster::Stop() {
  // Workers first: a server that sees them leave in order has nothing to report.
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    child->Signal(SIGTERM);
    child->Signal(SIGCONT);  // one that was stopped can end in order, too
  }
  const absl::Time deadline = MonotonicNow() + options_.stop_grace;
  for (ChildProcess& child : children_) child.WaitUntil(deadline);
  children_.clear();  // the destructor of each kills and reaps
}

LocalCluster::~LocalCluster() {
  Stop();
  std::error_code ignored;  // a log that cannot be removed is no reason to fail
  if (!keep_logs_ && !log_directory_.empty()) std::filesystem::remove_all(log_directory_, ignored);
}

}  // namespace edgetp
