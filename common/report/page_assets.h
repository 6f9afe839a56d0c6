// The files of web/ that a page is made of, as they are: compiled in by cmake/EmbedText.cmake.
#pragma once

namespace edgetp {

extern const char
    kPageFrame[];  // report.html, with {{style}}, {{licences}}, {{library}}, {{script}}, {{data}}
extern const char kPageStyle[];     // report.css
extern const char kPageLicences[];  // of what is in kPageLibrary
extern const char kPageLibrary[];   // web/third_party: d3, Observable Plot
extern const char
    kPageScript[];  // the page's own scripts, in the order in which they need each other

}  // namespace edgetp
