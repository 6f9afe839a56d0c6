// What a program can find wrong with its own certificate before anybody is dialled: the other side
// of a failed handshake learns next to nothing. Used by security.cc. Thread-safe (no state).
#pragma once

#include <string>

#include "absl/status/status.h"

namespace edgetp {

struct CertificateCheck {
  std::string ca;           // PEM, one or several
  std::string certificate;  // PEM, with intermediate ones if there are any
  std::string key;          // PEM
  std::string name;    // a DNS name that it must bear, and be a server's; empty: nobody dials it
  bool dials = false;  // it must be a client's

  // Errors: InvalidArgument: what is wrong, without the flag and the file.
  absl::Status CheckCa() const;
  absl::Status CheckCertificate() const;
  absl::Status CheckKey() const;
};

}  // namespace edgetp
