#include "common/rpc/host.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

struct HostPort {
  std::string host;  // without brackets
  std::string port;
};

absl::Status NoAddress(const std::string& address, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat("\"", address, "\": ", rule));
}

// Of bytes that can be neither in a name nor in a number: what a URL has, and blanks.
bool IsHost(const std::string& host) {
  return !host.empty() && host.find_first_of("/@?# \t\r\n") == std::string::npos;
}

// What is beyond 16 bits would wrap around: gRPC listens on 4464 for 70000.
absl::StatusOr<HostPort> Split(const std::string& address) {
  if (address.find("://") != std::string::npos)
    return NoAddress(address, "must be HOST:PORT, without what a URL begins with");
  const bool brackets = !address.empty() && address.front() == '[';
  const size_t end = brackets ? address.find(']') : 0;
  const size_t colon = brackets ? end + 1 : address.rfind(':');
  if (end == std::string::npos || colon >= address.size() || address[colon] != ':')
    return NoAddress(address, "must be HOST:PORT, and it has no port");
  const std::string host = brackets ? address.substr(1, end - 1) : address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  if (!brackets && host.find(':') != std::string::npos)
    return NoAddress(address, "must be HOST:PORT; an IPv6 address needs brackets: [::1]:50051");
  if (!IsHost(host)) return NoAddress(address, "must be HOST:PORT, and it has no host");
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  int number = 0;
  if (!digits || !absl::SimpleAtoi(port, &number) || number > 65535)
    return NoAddress(address, "the port must be a number from 0 to 65535");
  return HostPort{host, port};
}

// The numeric address of the interface that a datagram to `target` would leave by; none is sent.
absl::StatusOr<std::string> SourceAddress(const addrinfo& target) {
  const int fd = ::socket(target.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::UnavailableError(std::strerror(errno));
  sockaddr_storage own = {};
  socklen_t size = sizeof(own);
  const bool known = ::connect(fd, target.ai_addr, target.ai_addrlen) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0;
  const int error = errno;
  ::close(fd);
  if (!known) return absl::UnavailableError(std::strerror(error));
  char text[NI_MAXHOST] = {};
  if (const int rc = ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof(text),
                                   nullptr, 0, NI_NUMERICHOST);
      rc != 0) {
    return absl::UnavailableError(gai_strerror(rc));
  }
  return std::string(text);
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

absl::StatusOr<AddressList> Resolve(const HostPort& target, const addrinfo& hints) {
  addrinfo* found = nullptr;
  if (const int rc = ::getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found);
      rc != 0) {
    return absl::UnavailableError(
        absl::StrCat("resolve ", target.host, ":", target.port, ": ", gai_strerror(rc)));
  }
  return AddressList(found, &::freeaddrinfo);
}

// What became of a connection that is being made: an errno value, 0 if it is there.
int AwaitConnected(int fd, absl::Time deadline) {
  pollfd writable = {.fd = fd, .events = POLLOUT, .revents = 0};
  while (true) {
    const absl::Duration left = deadline - MonotonicNow();
    if (left <= absl::ZeroDuration()) return ETIMEDOUT;
    const int ready = ::poll(
        &writable, 1,
        static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1)))));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready > 0) break;
  }
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

int Connect(const addrinfo& target, absl::Time deadline) {
  const int fd = ::socket(target.ai_family, target.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int error = ::connect(fd, target.ai_addr, target.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) error = AwaitConnected(fd, deadline);
  ::close(fd);
  return error;
}

}  // namespace

absl::Status CheckDialable(const std::string& address) {
  ASSIGN_OR_RETURN(const HostPort target, Split(address));
  int port = 0;
  if (!absl::SimpleAtoi(target.port, &port) || port < 1) {
    return absl::InvalidArgumentError(absl::StrCat(address, ": the port must be from 1 to 65535"));
  }
  if (target.host == "0.0.0.0" || target.host == "::") {
    return absl::InvalidArgumentError(
        absl::StrCat(address,
                     ": this address stands for all of a host's own; others cannot dial "
                     "it: name the one that they reach"));
  }
  return absl::OkStatus();
}

void ResolveNamesAsTheSystemDoes() { setenv("GRPC_DNS_RESOLVER", "native", /*overwrite=*/0); }

absl::Status DialTcp(const std::string& address, absl::Time deadline) {
  ASSIGN_OR_RETURN(const HostPort target, Split(address));
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ASSIGN_OR_RETURN(const AddressList found, Resolve(target, hints));
  int error = 0;
  for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
    error = Connect(*each, deadline);
    if (error == 0) return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat("dial ", address, ": ", std::strerror(error)));
}

absl::StatusOr<std::string> ReachableAddress(const std::string& address, const std::string& other) {
  ASSIGN_OR_RETURN(const HostPort own, Split(address));
  if (own.host != "0.0.0.0" && own.host != "::") return address;
  ASSIGN_OR_RETURN(const HostPort target, Split(other));
  addrinfo hints = {};
  hints.ai_family = own.host == "0.0.0.0" ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  ASSIGN_OR_RETURN(const AddressList found, Resolve(target, hints));
  const auto source = SourceAddress(*found);
  if (!source.ok()) return Annotate(source.status(), absl::StrCat("no route to ", other));
  const bool v6 = source->find(':') != std::string::npos;
  return v6 ? absl::StrCat("[", *source, "]:", own.port) : absl::StrCat(*source, ":", own.port);
}

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "unknown";
  return name;
}

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::string ClockDomain() {
  const std::string boot_id = BootId();
  if (boot_id.empty()) return "";
  std::ifstream offsets("/proc/self/timens_offsets");  // time_namespaces(7)
  std::string clock;
  std::string seconds;
  std::string nanoseconds;
  while (offsets >> clock >> seconds >> nanoseconds) {
    if (clock != "monotonic" || (seconds == "0" && nanoseconds == "0")) continue;
    return absl::StrCat(boot_id, "+", seconds, "s", nanoseconds, "ns");
  }
  return boot_id;
}

absl::Status CheckAddress(const std::string& address) { return Split(address).status(); }

absl::StatusOr<bool> IsLoopback(const std::string& address) {
  ASSIGN_OR_RETURN(const HostPort own, Split(address));
  if (own.host == "localhost") return true;
  in_addr v4 = {};
  if (::inet_pton(AF_INET, own.host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6 = {};
  return ::inet_pton(AF_INET6, own.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace edgetp
