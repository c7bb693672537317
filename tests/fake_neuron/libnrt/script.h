// Failures on demand. A script has lines
//   FUNCTION[@CORE] NTH ACTION
// FUNCTION: "nrt_execute". NTH: 1 = the first call (of that core, where one is given), "*" = every,
// "3+" = the third and later ones. ACTION: a status ("5" or "NRT_TIMEOUT"), "hang" (never returns),
// "delay:MS" (goes on after so many milliseconds), or, of nrt_execute, "wrong" (succeeds, with the
// bits of the last byte of each output inverted). "#" begins a comment.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/neuron/nrt/nrt_abi.h"

namespace ix::fake_nrt {

// What enter() gives nrt_execute for "wrong"; statuses of libnrt are not negative.
inline constexpr int kWrongResult = -1;

struct Action {
  enum class Kind { fail, hang, delay, wrong };
  Kind kind = Kind::fail;
  int value = 0;  // the status, or milliseconds
};

class Script {
 public:
  // Counts from the beginning. Aborts where the file cannot be understood: a test that injects
  // nothing proves nothing.
  void open(const std::string& path);

  // Counts the call; what is to happen instead of it, or before it.
  std::optional<Action> next(const std::string& function, int core);

 private:
  struct Line {
    std::string function;
    int core;  // -1 = any
    int first;
    int last;
    Action action;
  };
  static Line parse(const std::string& text);

  std::mutex mutex_;
  std::vector<Line> lines_;
  std::map<std::pair<std::string, int>, int> calls_;  // by function and core; core -1 = all
};

}  // namespace ix::fake_nrt
