// The files of web/live as they are: compiled in by cmake/EmbedText.cmake. The other half of the
// page is the report's (common/report/page_assets.h).
#pragma once

namespace edgetp {

extern const char kLiveFrame[];
extern const char kLiveStyle[];
extern const char kLiveScript[];

}  // namespace edgetp
