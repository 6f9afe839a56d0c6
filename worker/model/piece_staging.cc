#include "worker/model/piece_staging.h"

#include <algorithm>
#include <exception>
#include <string>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// A segment of a message (512 KiB), as long as there are not more pieces than a GPU should be asked for.
constexpr int64_t kPieceElements = 128 * 1024;
constexpr int64_t kMostPieces = 64;

int64_t PieceOf(int64_t elements) {
  return std::max(kPieceElements, (elements + kMostPieces - 1) / kMostPieces);
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

PieceStaging::PieceStaging(CopyEngine* engine, float* device, float* host, int64_t elements)
    : engine_(engine), device_(device), host_(host) {
  const int64_t piece = PieceOf(elements);
  for (int64_t begin = 0; begin < elements; begin += piece) {
    const int64_t count = std::min(piece, elements - begin);
    last_ = engine_->Start(host_ + begin, device_ + begin, count * sizeof(float));
    fetches_.push_back(*last_);
    ends_.push_back(begin + count);
  }
}

PieceStaging::~PieceStaging() { Finish().IgnoreError(); }

absl::Status PieceStaging::Fetch(int64_t end) {
  return Guarded("copy from the accelerator", [&] {
    for (; fetched_ < ends_.size() && (fetched_ == 0 || ends_[fetched_ - 1] < end); ++fetched_)
      engine_->Await(fetches_[fetched_]);
  });
}

absl::Status PieceStaging::GiveBack(int64_t begin, int64_t end) {
  return Guarded("copy to the accelerator", [&] {
    last_ = engine_->Start(device_ + begin, host_ + begin, (end - begin) * sizeof(float));
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
