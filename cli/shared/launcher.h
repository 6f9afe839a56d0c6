// A cluster on this machine: one edgetp_server and N edgetp_workers as children, from start to the
// last one reaped. Nothing survives even our own SIGKILL (see ChildProcess). Main thread only.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/shared/child_process.h"
#include "common/rpc/security.h"

namespace edgetp {

// What is done about a worker that has ended while others still need it.
enum class DeadWorkers { kEndIt, kReplace, kDoWithout };

struct LauncherOptions {
  std::string
      program_directory;  // of edgetp_server and edgetp_worker; empty: where this program lies
  int workers = 2;
  std::string device = "cpu";  // of every worker; of a list (hardware.h), each takes the next one
  std::string precision;       // that runs multiply in (memory.precision); empty: any device does
  int threads = 1;             // of every worker: they share one host
  std::string runs_directory = "runs";
  std::string listen = "127.0.0.1:0";   // of the server
  std::string metrics = "127.0.0.1:0";  // of the server
  std::string page = "off";             // of the server: HOST:PORT of the live page, or off
  std::vector<std::string> page_hosts;  // names that it answers to
  bool allow_tuning = false;            // its form may change the network
  std::string log_level = "info";
  SecurityOptions security;  // of all processes
  // Other users of this machine cannot reach the cluster: a new token, in a file that only this
  // user can read. Instead of security.token_file.
  bool private_token = false;
  // The cluster outlives its jobs: workers join again when they have lost the server. Else they end.
  bool stays = false;
  absl::Duration start_limit = absl::Seconds(20);  // until the server listens
  absl::Duration stop_grace = absl::Seconds(3);    // between SIGTERM and SIGKILL
};

class LocalCluster {
 public:
  // Blocks until: the server listens and all workers are started (they join on their own), or
  // `start_limit`.
  // Errors: those of Security::Load, InvalidArgument (the device, the precision), NotFound (a program is missing),
  //   Unavailable (a child ended; its last words are in the message), DeadlineExceeded, Cancelled (a
  //   shutdown signal).
  static absl::StatusOr<std::unique_ptr<LocalCluster>> Start(const LauncherOptions& options);

  // Stops everything that runs.
  ~LocalCluster();

  const std::string& address() const { return address_; }
  const std::string& log_directory() const { return log_directory_; }
  // What its server wants to see.
  const Security& security() const { return security_; }

  // What Check does about dead workers from now on; at first they end everything.
  void SetDeadWorkers(DeadWorkers what) { dead_workers_ = what; }

  // Looks after its children, as SetDeadWorkers says; new ones are told on stderr.
  // Errors: Unavailable naming the first child that has ended for good, and how; those of
  // ReplaceDeadWorkers. Never blocks.
  absl::Status Check();

  // Starts a new worker in place of each one that has ended. Returns what to tell people of them.
  // Errors: Unavailable if the server has ended, or workers end again and again; what StartChild
  // says. Never blocks.
  absl::StatusOr<std::vector<std::string>> ReplaceDeadWorkers();

  // SIGTERM to all (workers first), SIGKILL after the grace, all reaped.
  // Blocks until: no child is left, at most the grace and a moment.
  void Stop();

  // Leaves the children's logs on disk when the cluster goes, for the user to read.
  void KeepLogs() { keep_logs_ = true; }

 private:
  explicit LocalCluster(const LauncherOptions& options) : options_(options) {}
  // What the workers are to compute on is there: only they can tell, and bad input must end before
  // anything starts.
  absl::Status CheckDevices();
  absl::Status SetUpSecurity();
  absl::Status StartChildren();
  absl::StatusOr<ChildProcess> StartChild(const std::string& program, const std::string& name,
                                          const std::vector<std::string>& arguments);
  std::vector<std::string> WorkerArguments(int slot) const;
  absl::Status AwaitServer(const std::string& ready_file);

  std::vector<std::string> SecurityArguments() const;

  LauncherOptions options_;
  Security security_;
  std::string log_directory_;
  std::string address_;
  std::list<ChildProcess> children_;  // the server first
  std::deque<absl::Time> replaced_;   // when workers were, lately
  bool keep_logs_ = false;
  DeadWorkers dead_workers_ = DeadWorkers::kEndIt;
};

}  // namespace edgetp
