#include "backend/neuron/compiler/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "neuron/test_directory.h"

namespace ix::backend::neuron {
namespace {

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Process : public testing::Test {
 protected:
  Command shell(const std::string& script) const {
    return {{"/bin/sh", "-c", script}, directory_.path().string(), directory_ / "output"};
  }
  // The number that the script wrote to a file.
  pid_t pid_in(const std::string& name) const {
    return static_cast<pid_t>(std::stol(content_of(directory_ / name)));
  }
  const TestDirectory directory_;
};

// A helper that ignores SIGTERM, and its parent.
constexpr const char* kWithHelper =
    "(trap '' TERM; echo ready > helper-ready; sleep 600) & echo $! > helper; echo $$ > leader; "
    "wait";

bool is_alive(pid_t pid) {
  // A killed child of a killed parent may stay a zombie until init reaps it.
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(status, text);
  const size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.at(name_end + 2) != 'Z';
}

// A signal takes a moment to arrive.
bool dies(pid_t pid) {
  for (int tries = 0; tries < 500 && is_alive(pid); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return !is_alive(pid);
}

TEST_F(Process, RunsInItsDirectoryAndKeepsWhatItWrites) {
  const auto end = run_process(shell("pwd; echo error >&2; exit 70"), {});
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->kind, ProcessEnd::Kind::exited);
  EXPECT_EQ(end->code, 70);
  EXPECT_FALSE(end->success());
  EXPECT_EQ(content_of(directory_ / "output"), directory_.path().string() + "\nerror\n");
}

TEST_F(Process, SaysWhichSignalEndedIt) {
  const auto end = run_process(shell("kill -KILL $$"), {});
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->kind, ProcessEnd::Kind::signalled);
  EXPECT_EQ(end->code, SIGKILL);
}

TEST_F(Process, SaysThatAProgramDoesNotExist) {
  const auto end = run_process({{directory_ / "none"}, "/", directory_ / "output"}, {});
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.status().code(), StatusCode::not_found);
}

TEST_F(Process, KillsTheWholeGroupWhenItIsCancelled) {
  Watch watch;
  watch.cancelled = [&] {
    return !content_of(directory_ / "leader").empty() &&
           !content_of(directory_ / "helper-ready").empty();
  };
  const auto end = run_process(shell(kWithHelper), watch);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->kind, ProcessEnd::Kind::cancelled);
  EXPECT_TRUE(dies(pid_in("leader")));
  EXPECT_TRUE(dies(pid_in("helper")));
}

TEST_F(Process, KillsTheWholeGroupWhenItsTimeIsUp) {
  Watch watch;
  watch.time_limit = std::chrono::milliseconds(300);
  const auto end = run_process(shell(kWithHelper), watch);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->kind, ProcessEnd::Kind::timed_out);
  EXPECT_TRUE(dies(pid_in("helper")));
}

TEST_F(Process, LeavesNoHelperBehindWhenItEndsWell) {
  const auto end = run_process(shell("(trap '' TERM; sleep 600) & echo $! > helper; exit 0"), {});
  ASSERT_TRUE(end.ok());
  EXPECT_TRUE(end->success());
  EXPECT_TRUE(dies(pid_in("helper")));
}

TEST_F(Process, ReportsTheElapsedSeconds) {
  std::vector<int64_t> told;
  Watch watch;
  watch.progress = [&](std::chrono::seconds elapsed) { told.push_back(elapsed.count()); };
  watch.cancelled = [&] { return told.size() >= 2; };
  const auto end = run_process(shell("sleep 600"), watch);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(told.at(0), 1);
  EXPECT_GT(told.at(1), told.at(0));
}

}  // namespace
}  // namespace ix::backend::neuron
