#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

namespace ix::tokenizer {

size_t Utf8Stream::reserve(size_t bytes) {
  constexpr size_t kMostHeld = 3;  // of a character of four bytes
  pending_.reserve(kMostHeld + bytes);
  return (kMostHeld + bytes) * kReplacementCharacter.size();
}

void Utf8Stream::push(std::string_view bytes, std::string& out) {
  pending_.append(bytes);
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const Utf8Step step = utf8_step(rest);
    if (step.state == Utf8State::truncated) break;
    out.append(step.state == Utf8State::valid ? rest.substr(0, step.length)
                                              : kReplacementCharacter);
    rest.remove_prefix(step.length);
  }
  pending_.erase(0, pending_.size() - rest.size());
}

void Utf8Stream::finish(std::string& out) {
  if (!pending_.empty()) out.append(kReplacementCharacter);
  pending_.clear();
}

}  // namespace ix::tokenizer
