#include "tokenizer/special_tokens.h"

#include <algorithm>
#include <functional>
#include <map>

namespace ix::tokenizer {
namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

// Which bytes of the text belong to a token already, or went with one.
class SpecialTokens::Occupancy {
 public:
  explicit Occupancy(size_t size) : bytes_(size, State::unclaimed) {}

  bool free(size_t at) const { return bytes_[at] == State::unclaimed; }
  bool dropped(size_t at) const { return bytes_[at] == State::dropped; }

  void take(std::string_view text, size_t begin, const Entry& entry) {
    size_t end = begin + entry.text.size();
    std::fill(bytes_.begin() + ptrdiff_t(begin), bytes_.begin() + ptrdiff_t(end), State::taken);
    if ((entry.attributes & kStripsLeft) != 0) {
      while (begin > 0 && free(begin - 1) && is_ascii_space(text[begin - 1])) {
        bytes_[--begin] = State::dropped;
      }
    }
    if ((entry.attributes & kStripsRight) != 0) {
      while (end < text.size() && free(end) && is_ascii_space(text[end]))
        bytes_[end++] = State::dropped;
    }
  }

 private:
  enum class State : uint8_t { unclaimed, taken, dropped };
  std::vector<State> bytes_;
};

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary, uint8_t wanted, uint8_t unwanted) {
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const auto token = static_cast<TokenId>(i);
    const uint8_t attributes = vocabulary.attributes(token);
    if ((attributes & wanted) == 0 || (attributes & unwanted) != 0) continue;
    if (vocabulary.text(token).empty()) continue;
    entries_.push_back({vocabulary.text(token), token, attributes});
  }
  // Of equal texts the last token is kept, as Vocabulary::find does.
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.text != b.text ? a.text < b.text : a.token > b.token;
  });
  entries_.erase(std::unique(entries_.begin(), entries_.end(),
                             [](const Entry& a, const Entry& b) { return a.text == b.text; }),
                 entries_.end());
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    Range& range = by_first_byte_[static_cast<uint8_t>(entries_[i].text[0])];
    if (range.begin == range.end) range.begin = i;
    range.end = i + 1;
  }
}

const SpecialTokens::Entry* SpecialTokens::longest_at(std::string_view text, size_t at,
                                                      size_t limit) const {
  Range range = by_first_byte_[static_cast<uint8_t>(text[at])];
  const Entry* found = nullptr;
  // All entries of the range begin with the same `depth` bytes, those of the text.
  for (size_t depth = 1; range.begin < range.end && depth <= limit; ++depth) {
    if (entries_[range.begin].text.size() == depth) found = &entries_[range.begin++];
    if (at + depth == text.size()) break;
    const auto next = static_cast<uint8_t>(text[at + depth]);
    const auto first = entries_.begin() + range.begin;
    const auto last = entries_.begin() + range.end;
    const auto byte = [depth](const Entry& entry) {
      return static_cast<uint8_t>(entry.text[depth]);
    };
    range.begin = static_cast<uint32_t>(
        std::partition_point(first, last, [&](const Entry& e) { return byte(e) < next; }) -
        entries_.begin());
    range.end = static_cast<uint32_t>(
        std::partition_point(first, last, [&](const Entry& e) { return byte(e) <= next; }) -
        entries_.begin());
  }
  return found;
}

// The chosen tokens, in the order of the text.
std::vector<Fragment> SpecialTokens::choose(std::string_view text, Occupancy& taken) const {
  // Where tokens begin, by the length of the longest one there. A token that does not fit because
  // a longer one took its end makes room for the next shorter one at the same place.
  std::map<size_t, std::vector<size_t>, std::greater<>> places;
  for (size_t at = 0; at < text.size(); ++at) {
    const Range& range = by_first_byte_[static_cast<uint8_t>(text[at])];
    if (range.begin == range.end) continue;
    const Entry* entry = longest_at(text, at, SIZE_MAX);
    if (entry != nullptr) places[entry->text.size()].push_back(at);
  }
  std::vector<Fragment> chosen;
  while (!places.empty()) {
    const size_t length = places.begin()->first;
    std::vector<size_t> starts = std::move(places.begin()->second);
    places.erase(places.begin());
    if (!std::is_sorted(starts.begin(), starts.end())) std::sort(starts.begin(), starts.end());
    for (const size_t at : starts) {
      if (!taken.free(at)) continue;
      if (taken.free(at + length - 1)) {  // all taken stretches are as long as this one or longer
        const Entry* entry = longest_at(text, at, length);
        taken.take(text, at, *entry);
        chosen.push_back({at, at + length, entry->token});
      } else if (const Entry* shorter = longest_at(text, at, length - 1)) {
        places[shorter->text.size()].push_back(at);
      }
    }
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const Fragment& a, const Fragment& b) { return a.begin < b.begin; });
  return chosen;
}

std::vector<Fragment> SpecialTokens::split(std::string_view text) const {
  if (text.empty()) return {};
  if (entries_.empty()) return {{0, text.size(), kNoToken}};
  Occupancy taken(text.size());
  std::vector<Fragment> chosen = choose(text, taken);
  std::vector<Fragment> parts;
  size_t done = 0;
  const auto add_text = [&](size_t begin, size_t end) {
    while (begin < end && taken.dropped(begin)) ++begin;
    while (begin < end && taken.dropped(end - 1)) --end;
    if (begin < end) parts.push_back({begin, end, kNoToken});
  };
  for (const Fragment& token : chosen) {
    add_text(done, token.begin);
    parts.push_back(token);
    done = token.end;
  }
  add_text(done, text.size());
  return parts;
}

}  // namespace ix::tokenizer
