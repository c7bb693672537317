// Limits of recursion while a template runs.
#pragma once

#include <fmt/format.h>

#include "chat/interpreter.h"

namespace ix::chat::jinja {

// Nested statements and expressions over all calls; each takes below 2 KiB of stack, so that all
// stay within half of the usual 8 MiB.
constexpr int kMaxEvaluationDepth = 2000;

class Interpreter::Nesting {
 public:
  explicit Nesting(Interpreter& interpreter) : interpreter_(interpreter) {
    interpreter_.runtime_.step();
    if (interpreter_.nesting_ >= kMaxEvaluationDepth) {
      fail_exhausted(fmt::format("evaluation nested deeper than {}", kMaxEvaluationDepth));
    }
    ++interpreter_.nesting_;
  }
  ~Nesting() { --interpreter_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Interpreter& interpreter_;
};

class Interpreter::CallNesting {
 public:
  explicit CallNesting(Interpreter& interpreter) : interpreter_(interpreter) {
    const int limit = interpreter_.runtime_.limits().max_depth;
    if (interpreter_.calls_ >= limit) {
      fail_exhausted(fmt::format("calls nested deeper than {}", limit));
    }
    ++interpreter_.calls_;
  }
  ~CallNesting() { --interpreter_.calls_; }
  CallNesting(const CallNesting&) = delete;
  CallNesting& operator=(const CallNesting&) = delete;

 private:
  Interpreter& interpreter_;
};

}  // namespace ix::chat::jinja
