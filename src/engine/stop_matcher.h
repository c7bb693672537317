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

  // Takes the memory for pushes of that many bytes; returns the most bytes that one of them and
  // finish() give together.
  size_t reserve(size_t bytes);

  // Appends what is not part of a stop string to out; says whether one was found. After that,
  // further text is dropped.
  bool push(std::string_view text, std::string& out);

  // The text is over: appends what was held back.
  void finish(std::string& out);

 private:
  size_t held_bytes() const;

  std::vector<std::string> stops_;
  std::string pending_;  // a prefix of some stop string
  bool stopped_ = false;
};

}  // namespace ix::engine
