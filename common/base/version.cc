#include "common/base/version.h"

namespace edgetp {

const char* const kVersion = EDGETP_VERSION;

}  // namespace edgetp
