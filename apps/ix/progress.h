// Lines that show how far something is. Only on a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace ix::cli {

// One line on stderr that is written over and over.
class StatusLine {
 public:
  StatusLine();
  ~StatusLine();  // clears the line
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool enabled() const { return enabled_; }
  void show(std::string_view text);
  void clear();

 private:
  bool enabled_;
  bool shown_ = false;
};

// How far something of known size is: "loading 40 % of 250 MB". At most 20 times a second.
class LoadingLine {
 public:
  explicit LoadingLine(std::string_view what = "loading") : what_(what) {}

  // A backend::LoadProgress; context is a LoadingLine.
  static void update(void* context, int64_t done, int64_t total);
  void show(int64_t done, int64_t total);
  void clear() { line_.clear(); }

 private:
  std::string_view what_;
  StatusLine line_;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace ix::cli
