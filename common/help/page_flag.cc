#include "common/help/page_flag.h"

#include <string>

#include "common/base/version.h"
#include "common/help/man_page.h"

namespace edgetp {

void AddPageFlag(CLI::App* app, const std::vector<ListedValue>& listed) {
  const auto print = [app, listed](const std::string& page) {
    // As --version does: the parser ends with the text, and the caller prints it.
    if (page == "man") throw CLI::CallForVersion(ManPage(*app, kVersion), 0);
    if (page == "bash") throw CLI::CallForVersion(BashCompletion(*app, listed), 0);
    throw CLI::ValidationError("--print_page", "must be man or bash");
  };
  app->add_option_function<std::string>("--print_page", print, "man or bash")
      ->trigger_on_parse()
      ->group("");
}

}  // namespace edgetp
