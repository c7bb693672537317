#include "doctor/doctor_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>

#include "build_commit.h"
#include "device.h"
#include "doctor/host_summary.h"
#include "doctor/report.h"
#include "doctor/steps.h"
#include "interrupt.h"
#include "option_checks.h"
#include "terminal.h"

namespace ix::cli {
namespace {

using doctor::DeviceKind;
using doctor::DoctorOptions;
using doctor::Examination;
using doctor::Step;
using doctor::StepReport;
using doctor::StepState;

struct DoctorFlags {
  std::string device;
  bool deep = false;
  int ranks = 0;
  int64_t step_limit = 0;
  std::optional<Flag> json;
  std::string json_file;  // "" = to standard output

  bool wants_json() const { return json->given(); }
  bool json_to_stdout() const { return wants_json() && json_file.empty(); }
};

// For people: standard output, unless the report goes there.
class Lines {
 public:
  explicit Lines(bool to_stderr) : to_stderr_(to_stderr) {}

  void print(const std::string& text) const {
    if (to_stderr_) {
      fmt::print(stderr, "{}", printable(text));
    } else {
      print_text(text);
    }
  }

  // A step takes a while: where a person looks, it is named before.
  void begins(const Step& step) const {
    if (stderr_is_terminal()) fmt::print(stderr, "\r\033[K...      {}", step.title);
  }

  void ended(const StepReport& report) const {
    if (stderr_is_terminal()) fmt::print(stderr, "\r\033[K");
    const Step& step = *report.step;
    const std::string head = fmt::format("{:<9}{:<46}", to_text(report.result.state), step.title);
    if (report.result.state == StepState::ok) {
      print(fmt::format("{} {} ({:.1f} s)\n", head, report.result.got, report.seconds));
    } else if (report.result.state == StepState::skipped) {
      print(fmt::format("{} because {}\n", head, report.result.got));
    } else {
      print(fmt::format("{}\n         expected: {}\n         got: {}\n         what to do: {}\n",
                        head, step.expected, report.result.got, step.advice));
    }
  }

 private:
  bool to_stderr_;
};

std::string minutes(int programs, int seconds_each) {
  return fmt::format("{}", std::max(1, (programs * seconds_each + 59) / 60));
}

// Before minutes of compiling begin.
std::string estimate(const DoctorOptions& options) {
  // neuronx-cc on small programs, by what its users report.
  constexpr int kFastest = 10;
  constexpr int kSlowest = 30;
  const int programs = doctor::programs_to_compile(options);
  if (programs == 0) return {};
  return fmt::format(
      "{} small programs to compile, {} to {} s each: {} to {} minutes. What the cache has is not "
      "compiled again.\n",
      programs, kFastest, kSlowest, minutes(programs, kFastest), minutes(programs, kSlowest));
}

std::string closing_line(const Examination& examination) {
  int counts[3] = {};
  for (const StepReport& report : examination.steps) {
    ++counts[static_cast<int>(report.result.state)];
  }
  return fmt::format("{} steps: {} ok, {} failed, {} skipped\n", examination.steps.size(),
                     counts[0], counts[1], counts[2]);
}

Status write_report(const DoctorFlags& flags, const doctor::Json& report) {
  if (!flags.wants_json()) return ok_status();
  const std::string text =
      report.dump(2, ' ', false, doctor::Json::error_handler_t::replace) + '\n';
  if (flags.json_to_stdout()) {
    print_text(text);
    return ok_status();
  }
  std::ofstream file(flags.json_file);
  file << text;
  file.flush();
  if (file) return ok_status();
  return invalid_argument(fmt::format("--json {}: the file cannot be written", flags.json_file));
}

doctor::ReportHeader header_of(const std::string& device) {
  return {IX_VERSION, kBuildCommit, device};
}

int report_host(const DoctorFlags& flags) {
  doctor::HostSummary host = doctor::summarise_host();
  host.libraries = doctor::find_device_libraries();
  const Status written =
      write_report(flags, to_json(header_of(""), host, {}, doctor::PrivateData::of_this_process()));
  if (!written.ok()) return report_failure(written);
  if (!flags.json_to_stdout()) {
    print_text(fmt::format("{:<12}{} ({})\n{}", "ix", IX_VERSION, kBuildCommit, to_text(host)));
  }
  return kExitOk;
}

Result<DoctorOptions> options_of(const DoctorFlags& flags) {
  DoctorOptions options;
  options.kind = flags.device == "neuron" ? DeviceKind::neuron : DeviceKind::xla;
  options.ranks = flags.ranks;
  options.deep = flags.deep;
  options.limit = std::chrono::seconds(flags.step_limit);
  if (options.kind == DeviceKind::xla) {
    IX_ASSIGN_OR_RETURN(options.plugin, plugin_of(flags.device));
  }
  return options;
}

int exit_code(const Examination& examination, const Status& written) {
  if (examination.interrupted) return kExitInterrupt;
  if (!written.ok()) return report_failure(written);
  return examination.passed() ? kExitOk : kExitError;
}

int examine_device(const DoctorFlags& flags) {
  auto options = options_of(flags);
  if (!options.ok()) return report_failure(options.status());
  const InterruptGuard interrupt;
  options->cancelled = [&interrupt] { return interrupt.pending(); };
  const Lines lines(flags.json_to_stdout());
  lines.print(estimate(*options));
  const std::vector<Step> steps = steps_for(*options);
  std::vector<std::string> paths = {options->plugin};
  const Examination examination = examine(
      std::make_shared<doctor::DeviceUnderTest>(*std::move(options)), steps,
      [&](const Step& step) { lines.begins(step); },
      [&](const StepReport& report) { lines.ended(report); });
  lines.print(closing_line(examination));
  const std::string name = flags.device.substr(0, flags.device.find(':'));
  const Status written =
      write_report(flags, to_json(header_of(name), doctor::summarise_host(), examination,
                                  doctor::PrivateData::of_this_process()));
  const int code = exit_code(examination, written);
  if (!examination.left_behind) return code;
  // A thread is still in the device's library: nothing may be taken down below it.
  std::fflush(nullptr);
  std::_Exit(code);
}

int run(const DoctorFlags& flags) {
  if (flags.device.empty()) {
    if (flags.deep || flags.ranks > 0 || flags.step_limit > 0) {
      return report_failure(
          invalid_argument("--deep, --tp and --step-limit examine a device: give --device neuron, "
                           "xla or pjrt:PATH"));
    }
    return report_host(flags);
  }
  if (flags.device == "cpu") {
    return report_failure(invalid_argument(
        "--device cpu: ix doctor examines neuron, xla or pjrt:PATH; without --device it says what "
        "the CPU has"));
  }
  const Status known = check_device({.device = flags.device});
  return known.ok() ? examine_device(flags) : report_failure(known);
}

}  // namespace

void add_doctor_command(const Command& app) {
  auto flags = std::make_shared<DoctorFlags>();
  const Command command =
      app.add_command("doctor", "Say what this machine has, or whether a device works");
  command.option("--device", flags->device, "neuron, xla, or pjrt:PATH of a plugin");
  command.flag("--deep", flags->deep, "Run programs on the device, step by step");
  command.option("--tp", flags->ranks, "Cores; default: every visible one, of xla two")
      .check(whole_number("--tp", 1, 1024, "from 1 to 1024"));
  command
      .option("--step-limit", flags->step_limit,
              "Seconds that a step may take; default: each its own")
      .check(whole_number("--step-limit", 1, 86400, "from 1 to 86400"));
  flags->json = command
                    .option("--json", flags->json_file,
                            "Write a report to a file, or without one to standard output")
                    .optional_value();
  command.footer(
      "Without --device: what ix would use here. With it: libraries, versions and whether the "
      "device\n"
      "opens; with --deep every operation that models need, in steps of seconds, each with what "
      "is\n"
      "expected and what came. Operations are compared with numbers worked out on the host.\n"
      "The report holds no names of hosts or users and no paths: attach it to an issue.\n"
      "The exit code is 0 only if every step passed.\n"
      "\nExamples:\n"
      "  ix doctor\n"
      "  ix doctor --device neuron\n"
      "  ix doctor --device neuron --deep --json report.json\n"
      "  ix doctor --device xla --deep --tp 2");
  command.action([flags] { return run(*flags); });
}

}  // namespace ix::cli
