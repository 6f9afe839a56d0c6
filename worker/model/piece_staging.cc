#include "worker/model/piece_staging.h"

#include <algorithm>
#include <exception>
#include <string>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// A segment of a message, as long as there are not more pieces than a GPU should be asked for.
constexpr int64_t kCopyBytes = 512 * 1024;
constexpr int64_t kMostCopies = 64;

int64_t ElementsOfPiece(const PieceStaging::Pieces& pieces) {
  return std::max(kCopyBytes / pieces.element_bytes,
                  (pieces.elements + kMostCopies - 1) / kMostCopies);
}

// LibTorch throws, and what reads this does not.
template <typename Body>
absl::Status Guarded(const char* what, const Body& body) {
  try {
    body();
    return absl::OkStatus();
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return absl::InternalError(absl::StrCat(what, ": ", text.substr(0, text.find('\n'))));
  }
}

}  // namespace

PieceStaging::PieceStaging(CopyEngine* engine, const Pieces& pieces)
    : engine_(engine), pieces_(pieces) {
  const int64_t piece = ElementsOfPiece(pieces);
  for (int64_t begin = 0; begin < pieces.elements; begin += piece) {
    const int64_t end = std::min(begin + piece, pieces.elements);
    const int64_t offset = begin * pieces.element_bytes;
    last_ = engine_->Start(pieces.host + offset, pieces.device + offset,
                           (end - begin) * pieces.element_bytes);
    fetches_.push_back(*last_);
    ends_.push_back(end);
  }
}

PieceStaging::~PieceStaging() { Finish().IgnoreError(); }

std::byte* PieceStaging::encoded() {
  return pieces_.element_bytes == sizeof(float) ? nullptr : pieces_.host;
}

absl::Status PieceStaging::Fetch(int64_t end) {
  return Guarded("copy from the accelerator", [&] {
    for (; fetched_ < ends_.size() && (fetched_ == 0 || ends_[fetched_ - 1] < end); ++fetched_)
      engine_->Await(fetches_[fetched_]);
  });
}

absl::Status PieceStaging::GiveBack(int64_t begin, int64_t end) {
  return Guarded("copy to the accelerator", [&] {
    const int64_t offset = begin * pieces_.element_bytes;
    last_ = engine_->Start(pieces_.device + offset, pieces_.host + offset,
                           (end - begin) * pieces_.element_bytes);
  });
}

absl::Status PieceStaging::Finish() {
  if (!last_.has_value()) return absl::OkStatus();
  return Guarded("copies of an accelerator", [&] {
    engine_->Await(*last_);
    last_.reset();
  });
}

}  // namespace edgetp
