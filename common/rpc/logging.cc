#include "common/rpc/logging.h"

#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// What gRPC reports on its own is for debugging: our own messages say what failed.
void LogOfGrpc(gpr_log_func_args* args) { spdlog::debug("grpc: {}", args->message); }

}  // namespace

absl::Status InitLogging(const std::string& program, const std::string& level) {
  static const std::map<std::string, spdlog::level::level_enum> levels = {
      {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},   {"warn", spdlog::level::warn},
      {"error", spdlog::level::err},   {"off", spdlog::level::off}};
  const auto found = levels.find(level);
  if (found == levels.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "log level '", level, "' is unknown: use trace, debug, info, warn, error or off"));
  }
  auto logger =
      std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%H:%M:%S.%e %L %n[%P] %v");
  logger->set_level(found->second);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  gpr_set_log_function(&LogOfGrpc);
  return absl::OkStatus();
}

}  // namespace edgetp
