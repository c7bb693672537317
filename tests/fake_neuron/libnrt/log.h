// What the fake writes: calls, errors as libnrt would print them, and complaints about its caller.
#pragma once

#include <mutex>
#include <string>

namespace ix::fake_nrt {

class Log {
 public:
  // Appends to a file; errors and complaints go to stderr where there is none.
  void open(const std::string& path);
  void call(const std::string& text);
  void error(const std::string& text);
  // The caller broke a rule that the real library would not notice.
  void complain(const std::string& text);

 private:
  void write(const std::string& text, bool important);

  std::mutex mutex_;
  std::string path_;
};

// The caller did what corrupts memory in the real library: says so and aborts.
[[noreturn]] void violation(const std::string& text);

}  // namespace ix::fake_nrt
