#include "common/http/quick_stop.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace edgetp {
namespace {

// How often a server that is to end is visited; it is down after the first or second time.
constexpr std::chrono::milliseconds kVisitInterval{5};

// Connects to a port of this host, and says nothing.
void Visit(const std::string& host, const std::string& port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return;
  const int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Refused where nobody listens any more, which is what the visit is for.
  (void)connect(descriptor, found->ai_addr, found->ai_addrlen);
  close(descriptor);
  freeaddrinfo(found);
}

}  // namespace

void StopWithVisits(const std::string& address, const std::function<void()>& stop) {
  const size_t colon = address.rfind(':');
  std::atomic<bool> ended = false;
  std::thread visitor([&] {
    while (!ended) {
      Visit(address.substr(0, colon), address.substr(colon + 1));
      std::this_thread::sleep_for(kVisitInterval);
    }
  });
  stop();
  ended = true;
  visitor.join();
}

}  // namespace edgetp
