#include "backend/neuron/compiler/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>

extern char** environ;

namespace ix::backend::neuron {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPoll = std::chrono::milliseconds(20);
// What a compiler gets to remove its files after SIGTERM.
constexpr auto kTermGrace = std::chrono::seconds(2);

// Groups that run, 0 in a free place; more than these many at once are not remembered.
std::array<std::atomic<pid_t>, 256> running_groups;
static_assert(std::atomic<pid_t>::is_always_lock_free);

class RunningGroup {
 public:
  explicit RunningGroup(pid_t pid) {
    for (std::atomic<pid_t>& place : running_groups) {
      pid_t free = 0;
      if (place.compare_exchange_strong(free, pid)) {
        place_ = &place;
        return;
      }
    }
  }
  RunningGroup(const RunningGroup&) = delete;
  RunningGroup& operator=(const RunningGroup&) = delete;
  ~RunningGroup() {
    if (place_ != nullptr) place_->store(0);
  }

 private:
  std::atomic<pid_t>* place_ = nullptr;
};

class SpawnSettings {
 public:
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  // 0, or an errno.
  int prepare(const Command& command) {
    sigset_t none;
    sigset_t defaults;
    ::sigemptyset(&none);
    ::sigemptyset(&defaults);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) ::sigaddset(&defaults, signal);
    constexpr short kFlags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    for (const int error :
         {::posix_spawnattr_setflags(&attributes_, kFlags),
          ::posix_spawnattr_setpgroup(&attributes_, 0),
          ::posix_spawnattr_setsigmask(&attributes_, &none),
          ::posix_spawnattr_setsigdefault(&attributes_, &defaults),
          ::posix_spawn_file_actions_addchdir_np(&actions_, command.directory.c_str()),
          ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0),
          ::posix_spawn_file_actions_addopen(&actions_, 1, command.output_path.c_str(),
                                             O_WRONLY | O_CREAT | O_APPEND, 0644),
          ::posix_spawn_file_actions_adddup2(&actions_, 1, 2)}) {
      if (error != 0) return error;
    }
    return 0;
  }

  int spawn(const Command& command, pid_t& pid) {
    std::vector<char*> arguments;
    for (const std::string& argument : command.arguments) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    return ::posix_spawn(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// True when the process has ended.
bool reap(pid_t pid, int& status) {
  const pid_t reaped = ::waitpid(pid, &status, WNOHANG);
  return reaped == pid || (reaped < 0 && errno == ECHILD);
}

void end_group(pid_t pid) {
  int status = 0;
  ::kill(-pid, SIGTERM);
  const auto give_up = Clock::now() + kTermGrace;
  bool ended = reap(pid, status);
  while (!ended && Clock::now() < give_up) {
    std::this_thread::sleep_for(kPoll);
    ended = reap(pid, status);
  }
  ::kill(-pid, SIGKILL);
  if (!ended) ::waitpid(pid, &status, 0);
}

ProcessEnd watch_until_end(pid_t pid, const Watch& watch) {
  const auto start = Clock::now();
  std::chrono::seconds told{0};
  int status = 0;
  while (!reap(pid, status)) {
    const auto elapsed = Clock::now() - start;
    const bool cancelled = watch.cancelled && watch.cancelled();
    if (cancelled || elapsed >= watch.time_limit) {
      end_group(pid);
      return {cancelled ? ProcessEnd::Kind::cancelled : ProcessEnd::Kind::timed_out, 0};
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed);
    if (watch.progress && seconds > told) {
      told = seconds;
      watch.progress(seconds);
    }
    std::this_thread::sleep_for(kPoll);
  }
  ::kill(-pid, SIGKILL);
  if (WIFSIGNALED(status)) return {ProcessEnd::Kind::signalled, WTERMSIG(status)};
  return {ProcessEnd::Kind::exited, WEXITSTATUS(status)};
}

}  // namespace

Result<ProcessEnd> run_process(const Command& command, const Watch& watch) {
  SpawnSettings settings;
  pid_t pid = 0;
  int error = settings.prepare(command);
  if (error == 0) error = settings.spawn(command, pid);
  if (error != 0) {
    return Status(error == ENOENT ? StatusCode::not_found : StatusCode::permission_denied,
                  fmt::format("cannot run {}: {}", command.arguments[0],
                              std::generic_category().message(error)));
  }
  const RunningGroup running(pid);
  return watch_until_end(pid, watch);
}

void kill_running_processes() noexcept {
  for (const std::atomic<pid_t>& place : running_groups) {
    const pid_t pid = place.load();
    if (pid > 0) ::kill(-pid, SIGKILL);
  }
}

}  // namespace ix::backend::neuron
