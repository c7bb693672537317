// The line that shows how far loading is. Only on a terminal.
#pragma once

#include <chrono>
#include <cstdint>

namespace ix::cli {

class LoadingLine {
 public:
  LoadingLine();
  ~LoadingLine();  // clears the line
  LoadingLine(const LoadingLine&) = delete;
  LoadingLine& operator=(const LoadingLine&) = delete;

  // A backend::LoadProgress; context is a LoadingLine.
  static void update(void* context, int64_t done, int64_t total);

 private:
  void show(int64_t done, int64_t total);

  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace ix::cli
