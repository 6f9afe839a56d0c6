// The flags of security.h, the same for all three programs, each with its environment variable.
#pragma once

#include <CLI/CLI.hpp>

#include "common/rpc/security.h"

namespace edgetp {

// --tls_ca, --tls_cert, --tls_key, --token_file, --insecure; for what listens also
// --insecure_metrics, for the server --insecure_page.
void AddSecurityFlags(CLI::App* app, Role role, SecurityOptions* options);

// So that children take what they are given on the command line and nothing else.
void ForgetSecurityVariables();

}  // namespace edgetp
