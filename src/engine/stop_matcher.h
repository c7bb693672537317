// Finds stop strings in text that comes in pieces, and holds back what may become one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ix::engine {

class StopMatcher {
 public:
  // stops: not empty strings. The result does not depend on how the text is cut into pieces: the
  // stop string that ends first ends the text; of several that end there, the longest.
  explicit StopMatcher(std::vector<std::string> stops);

  struct Output {
    std::string text;  // never part of a stop string
    bool stopped = false;
  };

  // After stopped, further text is dropped.
  Output push(std::string_view text);

  // The text is over: what was held back.
  std::string finish();

 private:
  size_t held_bytes() const;

  std::vector<std::string> stops_;
  std::string pending_;  // a prefix of some stop string
  bool stopped_ = false;
};

}  // namespace ix::engine
