#include "worker/collective/delivery_log.h"

#include <algorithm>

namespace edgetp {

void ForgiveHidden(absl::Duration exposed, std::vector<Delivery>* deliveries) {
  absl::Duration left = exposed;
  for (Delivery& delivery : *deliveries) {
    delivery.late = delivery.late && exposed > absl::ZeroDuration();
    delivery.lost = std::min(delivery.lost, left);
    left -= delivery.lost;
    delivery.clock = std::min(delivery.clock, exposed);
  }
}

void DeliveryLog::Begin(std::vector<Delivery>* out, bool paced) {
  out_ = out;
  paced_ = paced;
  last_arrival_ = absl::InfinitePast();
  lost_since_last_arrival_ = absl::ZeroDuration();
  not_passed_on_ = 0;
}

void DeliveryLog::Add(Delivery delivery, absl::Time begin, absl::Time arrival, bool was_there) {
  if (arrival > begin) {
    // This rank now waits for a time that no loss has moved: nobody was told later because of one.
    for (; not_passed_on_ < out_->size(); ++not_passed_on_)
      (*out_)[not_passed_on_].lost = absl::ZeroDuration();
  }
  if (!paced_ && (!was_there || arrival > begin)) delivery.lost = delivery.error;
  if (arrival > last_arrival_) lost_since_last_arrival_ = absl::ZeroDuration();
  last_arrival_ = std::max(last_arrival_, arrival);
  lost_since_last_arrival_ += delivery.lost;
  out_->push_back(delivery);
}

absl::Duration DeliveryLog::ExposedSoftware(absl::Time begin, absl::Time end,
                                            absl::Duration software) const {
  if (out_->empty()) return software;
  const absl::Duration after_arrivals = end - std::max(begin, last_arrival_);
  return std::max(absl::ZeroDuration(),
                  std::min(software, after_arrivals) - lost_since_last_arrival_);
}

}  // namespace edgetp
