#include "backend/neuron/compiler/neuronx_cc.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "backend/neuron/compiler/cache_files.h"
#include "backend/neuron/compiler/compiler_errors.h"
#include "backend/neuron/compiler/neff_cache.h"
#include "backend/neuron/compiler/process.h"
#include "base/host_limits.h"

namespace ix::backend::neuron {
namespace {

namespace fs = std::filesystem;

// Graphs of 7B-class models were killed on hosts of 16 GB.
constexpr uint64_t kBytesPerCompile = uint64_t{16} << 30;
constexpr auto kVersionTimeLimit = std::chrono::minutes(2);

std::string find_on_path(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    const fs::path candidate = fs::path(rest.substr(0, colon)) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return {};
}

Result<std::string> program_path(const CompilerOptions& options) {
  std::string path = options.path;
  if (const char* forced = std::getenv("IX_NEURONX_CC"); path.empty() && forced != nullptr) {
    path = forced;
  }
  if (path.empty()) {
    path = find_on_path("neuronx-cc");
    if (path.empty()) {
      return not_found(
          "neuronx-cc is not on PATH: install the package neuronx-cc, set IX_NEURONX_CC, or copy "
          "the cache of a machine that compiled the programs (IX_NEURON_CACHE)");
    }
  }
  // The compiler runs in another directory.
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (::access(absolute.c_str(), X_OK) != 0) {
    return not_found(
        fmt::format("{}: no such program; IX_NEURONX_CC must be neuronx-cc's path", path));
  }
  return absolute.string();
}

// "NeuronX Compiler version 2.21.18209.0+043b1bf7" -> what stands after "version".
Result<std::string> parse_version(const std::string& path, const std::string& output) {
  constexpr std::string_view kWord = "ompiler version ";
  const size_t word = output.find(kWord);
  if (word == std::string::npos) {
    return unsupported(
        fmt::format("{} --version does not say a version: {}", path, output.substr(0, 200)));
  }
  const size_t begin = word + kWord.size();
  const std::string version = output.substr(begin, output.find_first_of(" \t\r\n", begin) - begin);
  if (version.empty()) return unsupported(fmt::format("{} --version says no version", path));
  return version;
}

Result<std::string> probe_version(const std::string& path, const CompilerOptions& options) {
  IX_ASSIGN_OR_RETURN(const ScratchDirectory scratch,
                      ScratchDirectory::make(fs::temp_directory_path(), "ix-neuronx-cc"));
  const fs::path output = scratch.path() / kOutputFile;
  const Command command{{path, "--version"}, scratch.path().string(), output.string()};
  IX_ASSIGN_OR_RETURN(const ProcessEnd end,
                      run_process(command, {kVersionTimeLimit, options.cancelled, {}}));
  const Result<std::string> text = read_text(output);
  const std::string log = text.ok() ? *text : "";
  if (!end.success()) return compiler_failure(path + " --version", end, log);
  return parse_version(path, log);
}

int turns(const CompilerOptions& options) {
  if (options.max_parallel > 0) return options.max_parallel;
  const uint64_t memory = available_memory_bytes().value_or(0);
  return static_cast<int>(std::clamp<uint64_t>(memory / kBytesPerCompile, 1, 64));
}

std::chrono::seconds seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

std::vector<std::string> compile_flags(const CompilerOptions& options, xla::ProgramKind kind) {
  std::vector<std::string> flags{"--framework",
                                 "XLA",
                                 "--target",
                                 options.target,
                                 "--model-type",
                                 "transformer",
                                 "--auto-cast",
                                 "none",
                                 kind == xla::ProgramKind::prefill ? "-O1" : "-O2",
                                 "--enable-fast-loading-neuron-binaries",
                                 "--enable-mixed-precision-accumulation"};
  flags.insert(flags.end(), options.extra_flags.begin(), options.extra_flags.end());
  return flags;
}

class NeuronxCc::Turn {
 public:
  // Waits for a turn; taken() is false where it was cancelled.
  Turn(NeuronxCc& compiler, const std::string& program) : compiler_(compiler) {
    std::unique_lock lock(compiler.mutex_);
    if (compiler.free_turns_ == 0) {
      compiler.report(program, CompileProgress::Stage::waiting, std::chrono::seconds(0));
    }
    while (compiler.free_turns_ == 0) {
      compiler.turn_ended_.wait_for(lock, std::chrono::milliseconds(100));
      if (compiler.options_.cancelled && compiler.options_.cancelled()) return;
    }
    --compiler.free_turns_;
    taken_ = true;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (!taken_) return;
    {
      const std::lock_guard lock(compiler_.mutex_);
      ++compiler_.free_turns_;
    }
    compiler_.turn_ended_.notify_one();
  }
  bool taken() const { return taken_; }

 private:
  NeuronxCc& compiler_;
  bool taken_ = false;
};

NeuronxCc::NeuronxCc(CompilerOptions options, std::string path, std::string version)
    : options_(std::move(options)),
      path_(std::move(path)),
      version_(std::move(version)),
      free_turns_(turns(options_)) {}

Result<std::unique_ptr<NeuronxCc>> NeuronxCc::find(CompilerOptions options) {
  IX_ASSIGN_OR_RETURN(std::string path, program_path(options));
  IX_ASSIGN_OR_RETURN(std::string version, probe_version(path, options));
  return std::unique_ptr<NeuronxCc>(
      new NeuronxCc(std::move(options), std::move(path), std::move(version)));
}

void NeuronxCc::report(const std::string& program, CompileProgress::Stage stage,
                       std::chrono::seconds elapsed) const {
  if (options_.progress) options_.progress({program, stage, elapsed});
}

Status NeuronxCc::compile(const std::string& name, std::string_view hlo, xla::ProgramKind kind,
                          const std::string& directory) {
  const fs::path place = fs::absolute(directory);
  IX_RETURN_IF_ERROR(write_text(place / kHloFile, hlo));
  Command command;
  command.directory = place.string();
  command.output_path = (place / kOutputFile).string();
  command.arguments = {path_, "compile", kHloFile};
  for (std::string& flag : compile_flags(options_, kind)) {
    command.arguments.push_back(std::move(flag));
  }
  for (const char* argument : {"--output", kNeffFile, "--verbose", "35", "--logfile", kLogFile}) {
    command.arguments.emplace_back(argument);
  }

  const Turn turn(*this, name);
  const auto start = std::chrono::steady_clock::now();
  ProcessEnd end{ProcessEnd::Kind::cancelled, 0};
  if (turn.taken()) {
    report(name, CompileProgress::Stage::compiling, std::chrono::seconds(0));
    const Watch watch{options_.time_limit, options_.cancelled, [&](std::chrono::seconds elapsed) {
                        report(name, CompileProgress::Stage::compiling, elapsed);
                      }};
    const Result<ProcessEnd> ran = run_process(command, watch);
    report(name, CompileProgress::Stage::done, seconds_since(start));
    if (!ran.ok()) return ran.status();
    end = *ran;
  }
  std::error_code error;
  const uint64_t size = fs::file_size(place / kNeffFile, error);
  if (!end.success() || error || size == 0) {
    // Its own log first: what it wrote to the terminal says how it ended.
    const Result<std::string> log = read_text(place / kLogFile);
    const Result<std::string> output = read_text(place / kOutputFile);
    return compiler_failure(name, end, (log.ok() ? *log : "") + (output.ok() ? *output : ""));
  }
  return ok_status();
}

}  // namespace ix::backend::neuron
