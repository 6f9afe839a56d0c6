#include "common/config/network_patch.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/network/network_profile.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

// Step reports carry names; a hundred changed links need not be spelled out in each.
constexpr size_t kMaxNameBytes = 200;

// A number in the largest unit of which there is at least one: 200ms, 1.5s, 20mbit.
struct PatchUnit {
  const char* name;
  double factor;
};

template <size_t kCount>
std::string InUnits(double value, const PatchUnit (&units)[kCount]) {
  const PatchUnit* fitting = &units[0];
  for (const PatchUnit& unit : units) {
    if (value >= unit.factor) fitting = &unit;
  }
  return absl::StrCat(absl::StrFormat("%.10g", value / fitting->factor), fitting->name);
}

constexpr PatchUnit kTimes[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}};
constexpr PatchUnit kSizes[] = {{"b", 1}, {"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30}};
constexpr PatchUnit kRates[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}};

std::string RateWord(double bits_per_second) {
  return std::isinf(bits_per_second) ? "unlimited" : InUnits(bits_per_second, kRates);
}

std::string WindowWord(double bytes) {
  return std::isinf(bytes) ? "unlimited" : InUnits(bytes, kSizes);
}

// What is changed, and to what: {"delay", "200ms"}.
using Words = std::vector<std::pair<std::string, std::string>>;

Words WordsOf(const v1::LinkConfig& change) {
  Words words;
  if (change.has_delay_us()) words.emplace_back("delay", InUnits(change.delay_us(), kTimes));
  if (change.has_jitter_us()) words.emplace_back("jitter", InUnits(change.jitter_us(), kTimes));
  if (change.has_rate_bits_per_second())
    words.emplace_back("rate", RateWord(change.rate_bits_per_second()));
  if (change.has_loss())
    words.emplace_back("loss", absl::StrCat(absl::StrFormat("%.10g", change.loss() * 100), "pct"));
  if (change.has_header_share())
    words.emplace_back("headers", absl::StrFormat("%.10g", change.header_share()));
  if (change.has_window_bytes()) words.emplace_back("window", WindowWord(change.window_bytes()));
  v1::LinkConfig rest = change;
  rest.clear_delay_us();
  rest.clear_jitter_us();
  rest.clear_rate_bits_per_second();
  rest.clear_loss();
  rest.clear_header_share();
  rest.clear_window_bytes();
  if (rest.ByteSizeLong() > 0) words.emplace_back("link", "changed");
  return words;
}

// "", or "0to1-".
std::string PrefixOf(const v1::LinkOverride& change) {
  if (!change.has_source() && !change.has_destination()) return "";
  const auto end = [](bool present, int rank) { return present ? absl::StrCat(rank) : "all"; };
  return absl::StrCat(end(change.has_source(), change.source()), "to",
                      end(change.has_destination(), change.destination()), "-");
}

std::string PartitionWord(const v1::NetworkPatch& patch) {
  return absl::StrJoin(patch.partition(), "-", [](std::string* out, const auto& group) {
    out->append(absl::StrJoin(group.ranks(), "."));
  });
}

// The words of a name, with what a new one says in place of what it overrides.
class Name {
 public:
  explicit Name(const std::string& name) : words_(absl::StrSplit(name, '+')) {}

  // `what` with its prefix: "delay" of all links, "0to1-delay" of one.
  void Set(const std::string& prefix, const std::string& what, const std::string& value) {
    const std::string word = absl::StrCat(prefix, what, value);
    const auto same = std::find_if(words_.begin() + 1, words_.end(), [&](const std::string& old) {
      return absl::StartsWith(old, prefix + what);
    });
    if (same == words_.end()) {
      words_.push_back(word);
    } else {
      *same = word;
    }
    if (prefix.empty()) RemoveOfSingleLinks(what);
  }
  void Remove(const std::string& what) {
    Erase([&](const std::string& word) { return absl::StartsWith(word, what); });
  }
  std::string ToString() const { return absl::StrJoin(words_, "+"); }

 private:
  // A change of all links overrides those of single ones.
  void RemoveOfSingleLinks(const std::string& what) {
    Erase([&](const std::string& word) {
      const size_t dash = word.find("-" + what);
      return dash != std::string::npos && absl::StrContains(word.substr(0, dash), "to");
    });
  }
  template <typename Predicate>
  void Erase(Predicate is_gone) {
    words_.erase(std::remove_if(words_.begin() + 1, words_.end(), is_gone), words_.end());
  }

  std::vector<std::string> words_;  // the first is the profile's own name
};

// FNV-1a: only tells names apart that are too long to be spelled out.
uint64_t HashOf(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

bool SameLinks(const v1::LinkOverride& a, const v1::LinkOverride& b) {
  return Covers(a, b) && Covers(b, a);
}

// What an override must say so that the links it names become what ChangeLink makes of them.
v1::LinkConfig AsOverride(const v1::LinkConfig& change, const v1::LinkConfig& before) {
  v1::LinkConfig after = before;
  ChangeLink(change, &after);
  v1::LinkConfig link = change;
  if (after.distribution() != before.distribution()) link.set_distribution(after.distribution());
  if (change.has_delay_us() && after.quantiles_size() > 0) {
    link.set_distribution(after.distribution());
    *link.mutable_quantiles() = after.quantiles();
  }
  // Nothing in an override can take a limit away but an infinite one.
  if (change.has_rate_bits_per_second() && before.has_ingress_rate_bits_per_second())
    link.set_ingress_rate_bits_per_second(change.rate_bits_per_second());
  return link;
}

// Of two overrides of the same links; an infinite limit stays one, it still has another to lift.
v1::LinkConfig MergeRules(const v1::LinkConfig& rule, const v1::LinkConfig& later) {
  v1::LinkConfig merged = MergeLinks(rule, later);
  const double rate = later.has_rate_bits_per_second() || TraceSize(later) > 0
                          ? later.rate_bits_per_second()
                          : rule.rate_bits_per_second();
  if (std::isinf(rate)) merged.set_rate_bits_per_second(rate);
  const double ingress = later.has_ingress_rate_bits_per_second()
                             ? later.ingress_rate_bits_per_second()
                             : rule.ingress_rate_bits_per_second();
  if (std::isinf(ingress)) merged.set_ingress_rate_bits_per_second(ingress);
  const double window = later.has_window_bytes() ? later.window_bytes() : rule.window_bytes();
  if (std::isinf(window)) merged.set_window_bytes(window);
  return merged;
}

// Later overrides win: the change is the last one, or part of the last one if that names the same.
void ChangeSomeLinks(const v1::LinkOverride& change, v1::NetworkProfile* profile) {
  v1::LinkConfig before = profile->link();
  for (const v1::LinkOverride& rule : profile->overrides()) {
    if (Covers(rule, change)) before = MergeLinks(before, rule.link());
  }
  const int count = profile->overrides_size();
  const bool again = count > 0 && SameLinks(profile->overrides(count - 1), change);
  v1::LinkOverride* const rule =
      again ? profile->mutable_overrides(count - 1) : profile->add_overrides();
  v1::LinkConfig link = AsOverride(change.link(), before);
  link = again ? MergeRules(rule->link(), link) : link;
  *rule = change;
  *rule->mutable_link() = std::move(link);
}

// Overrides would hide the change of the default link.
void ChangeAllLinks(const v1::LinkConfig& change, v1::NetworkProfile* profile) {
  const v1::LinkConfig before = profile->link();
  ChangeLink(change, profile->mutable_link());
  for (v1::LinkOverride& rule : *profile->mutable_overrides()) {
    *rule.mutable_link() =
        MergeRules(rule.link(), AsOverride(change, MergeLinks(before, rule.link())));
  }
}

}  // namespace

void ChangeLink(const v1::LinkConfig& change, v1::LinkConfig* link) {
  const bool replaces_table = change.has_jitter_us() && !change.has_distribution() &&
                              link->distribution() == v1::LinkConfig::DISTRIBUTION_QUANTILES;
  if (change.has_rate_bits_per_second()) link->clear_ingress_rate_bits_per_second();
  *link = MergeLinks(*link, change);
  if (replaces_table) {
    link->set_distribution(v1::LinkConfig::DISTRIBUTION_NORMAL);
    link->clear_quantiles();
  }
  for (auto& quantile : *link->mutable_quantiles())
    quantile.set_jitter_us(std::max(quantile.jitter_us(), -link->delay_us()));
}

void ApplyPatch(const v1::NetworkPatch& patch, v1::NetworkProfile* profile) {
  for (const v1::LinkOverride& change : patch.links()) {
    if (change.has_source() || change.has_destination()) {
      ChangeSomeLinks(change, profile);
    } else {
      ChangeAllLinks(change.link(), profile);
    }
  }
  if (patch.partition_size() > 0) *profile->mutable_partition() = patch.partition();
  if (patch.heal()) profile->clear_partition();
  profile->set_name(PatchedName(profile->name(), patch));
}

std::string PatchedName(const std::string& name, const v1::NetworkPatch& patch) {
  Name words(name);
  for (const v1::LinkOverride& change : patch.links()) {
    for (const auto& [what, value] : WordsOf(change.link()))
      words.Set(PrefixOf(change), what, value);
  }
  if (patch.partition_size() > 0) words.Set("", "partition", PartitionWord(patch));
  if (patch.heal()) words.Remove("partition");
  const std::string patched = words.ToString();
  if (patched.size() <= kMaxNameBytes || patched == name) return patched;
  const std::string own = patched.substr(0, std::min(patched.find('+'), kMaxNameBytes));
  return absl::StrCat(own, "+changes", absl::StrFormat("%016x", HashOf(patched)));
}

v1::NetworkPatch PatchOf(const v1::LinkConfig& change) {
  v1::NetworkPatch patch;
  *patch.add_links()->mutable_link() = change;
  return patch;
}

}  // namespace edgetp
