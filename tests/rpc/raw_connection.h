// A TCP connection on loopback that speaks no HTTP/2, or nothing.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"

namespace edgetp {

class RawConnection {
 public:
  // `address`: host:port, of which the port alone counts.
  explicit RawConnection(const std::string& address) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    to.sin_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  }
  ~RawConnection() { close(socket_); }
  void Send(const std::string& bytes) {
    // The other side may have hung up already.
    (void)!send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Whether the other side hangs up, whatever it says before, within `patience` after each word.
  bool HungUpOn(absl::Duration patience) {
    const timeval limit = absl::ToTimeval(patience);
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    char words[256];
    ssize_t received = 0;
    do {
      received = recv(socket_, words, sizeof(words), 0);
    } while (received > 0);
    return received == 0 || errno == ECONNRESET;
  }

 private:
  int socket_;
};

}  // namespace edgetp
