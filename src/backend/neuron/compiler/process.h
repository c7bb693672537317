// One child process in a process group of its own, watched until it ends.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ix::backend::neuron {

struct Command {
  std::vector<std::string> arguments;  // [0] is the program's path
  std::string directory;               // where it runs
  std::string output_path;             // file that takes stdout and stderr; made, or appended to
};

struct Watch {
  std::chrono::steady_clock::duration time_limit = std::chrono::hours(24);
  std::function<bool()> cancelled;                     // empty = never
  std::function<void(std::chrono::seconds)> progress;  // once a second, with the elapsed time
};

struct ProcessEnd {
  enum class Kind : uint8_t { exited, signalled, timed_out, cancelled };
  Kind kind;
  int code;  // exit status, or signal where signalled

  bool success() const { return kind == Kind::exited && code == 0; }
};

// Runs the command; returns when it has ended. Its whole group is killed when the time is up, when
// cancelled says so, and, for helpers left behind, when it has ended by itself.
Result<ProcessEnd> run_process(const Command& command, const Watch& watch);

// Kills the groups of all commands that run now. Safe in a signal handler, for one that is about to
// end this process: a compiler must not outlive the program that asked for it.
void kill_running_processes() noexcept;

}  // namespace ix::backend::neuron
