#include "neuron/compile_command.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>

#include "backend/neuron/compiler/neff_store.h"
#include "backend/xla/hlo/text.h"
#include "neuron/compile_line.h"
#include "neuron/compile_plan.h"
#include "option_checks.h"
#include "terminal.h"

namespace ix::cli {
namespace {

namespace fs = std::filesystem;
namespace neuron = backend::neuron;
using backend::xla::hlo::Module;

struct CompileOptions {
  std::string model;
  CompileChoices choices;
  bool check = false;
  std::string emit;       // hlo, hlo-text or plan
  std::string directory;  // for what is emitted
  int jobs = 0;
};

Status write_file(const fs::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  return file ? ok_status()
              : Status(StatusCode::unavailable,
                       fmt::format("{}: it cannot be written", path.string()));
}

Status emit_programs(const CompilePlan& plan, const CompileOptions& options) {
  if (options.directory.empty()) {
    return invalid_argument(fmt::format("--emit {} needs --output DIRECTORY", options.emit));
  }
  std::error_code error;
  fs::create_directories(options.directory, error);
  if (error) {
    return {StatusCode::permission_denied,
            fmt::format("{}: {}", options.directory, error.message())};
  }
  for (const PlannedProgram& planned : plan.programs) {
    const Module& module = planned.program.lowered.module;
    const fs::path path = fs::path(options.directory) / module.name;
    if (options.emit == "hlo") {
      IX_RETURN_IF_ERROR(write_file(path.string() + ".pb", module.bytes));
    } else {
      IX_ASSIGN_OR_RETURN(const std::string text, backend::xla::hlo::module_text(module.bytes));
      IX_RETURN_IF_ERROR(write_file(path.string() + ".txt", text));
    }
    print_text(path.string() + (options.emit == "hlo" ? ".pb\n" : ".txt\n"));
  }
  return plan.check();
}

std::string minutes(double seconds) {
  return seconds < 90 ? fmt::format("{:.1f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

// From what the compiler took for the programs that are in the cache.
std::string time_estimate(const neuron::NeffCache& cache, size_t missing) {
  const auto entries = cache.list();
  double seconds = 0;
  int64_t known = 0;
  if (entries.ok()) {
    for (const neuron::CacheEntry& entry : *entries) {
      seconds += entry.compile_seconds;
      ++known;
    }
  }
  if (known == 0) {
    return "others report from minutes to more than an hour a program; this machine has compiled "
           "none yet";
  }
  const double each = seconds / static_cast<double>(known);
  return fmt::format("{} programs took {} each on average; one after the other these would take {}",
                     known, minutes(each), minutes(each * static_cast<double>(missing)));
}

Status store(const CompilePlan& plan, const std::vector<neuron::CompiledProgram>& compiled,
             const neuron::NeffCache& cache) {
  neuron::Deployment deployment = plan.deployment;
  for (const neuron::CompiledProgram& program : compiled) {
    deployment.programs.push_back(program.entry.program_key);
    deployment.compiler = program.entry.compiler;
  }
  deployment.created = std::chrono::duration_cast<std::chrono::seconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
  return neuron::store_deployment(cache, deployment);
}

int compile(const CompilePlan& plan, const CompileOptions& options) {
  const InterruptGuard interrupt;
  CompileLine line(plan.programs.size());
  neuron::CompilerOptions compiler = interruptible(line, interrupt);
  compiler.max_parallel = options.jobs;
  const auto neffs = neuron::NeffStore::open({}, compiler);
  if (!neffs.ok()) return report_error(neffs.status());
  const auto programs = plan.to_compile();
  const size_t missing = neuron::missing_programs(**neffs, programs).size();
  print_text(fmt::format("{:<10} {} to compile, {} in the cache {}\n", "compiler", missing,
                         programs.size() - missing, (*neffs)->cache().root()));
  if (missing > 0) {
    print_text(fmt::format("{:<10} {}\n", "time", time_estimate((*neffs)->cache(), missing)));
  }
  const auto compiled = neuron::compile_programs(**neffs, programs);
  for (const neuron::CompiledProgram& program : compiled) {
    if (!program.was_built) continue;
    print_text(fmt::format("compiled   {} in {}, {:.1f} MB\n", program.name,
                           minutes(program.entry.compile_seconds),
                           static_cast<double>(program.entry.neff_bytes) / 1e6));
  }
  if (interrupt.pending()) return kExitInterrupt;
  if (const Status status = neuron::summarise(compiled); !status.ok()) return report_error(status);
  if (const Status status = store(plan, compiled, (*neffs)->cache()); !status.ok()) {
    return report_error(status);
  }
  print_text(fmt::format("ready      ix run -m {} --device neuron\n", options.model));
  return kExitOk;
}

int run(const CompileOptions& options) {
  if (options.model.empty()) {
    return report_error(invalid_argument("give a model: ix compile FILE.gguf"), kExitUsage);
  }
  const auto file = gguf::GgufFile::open(options.model);
  if (!file.ok()) return report_failure(file.status());
  const auto plan = plan_compilation(**file, options.choices);
  if (!plan.ok()) return report_failure(plan.status().with_context(options.model));
  if (options.emit == "plan") {
    print_text(to_json(*plan));
    return kExitOk;
  }
  if (!options.emit.empty()) {
    const Status emitted = emit_programs(*plan, options);
    return emitted.ok() ? kExitOk : report_failure(emitted);
  }
  print_text(to_text(*plan));
  for (const FindingGroup& group : plan->findings()) print_text(to_text(group) + "\n");
  if (const Status fits = plan->check_memory(); !fits.ok()) return report_error(fits);
  if (const Status checked = plan->check(); !checked.ok()) return report_error(checked);
  if (options.check) return kExitOk;
  return compile(*plan, options);
}

void add_choices(const Command& command, CompileChoices& choices) {
  command.option("--instance", choices.instance, "Instance that will serve the model")
      .show_default();
  command
      .option("--tp", choices.ranks,
              "Cores that share the model; default: the fewest that hold it, 2 at least")
      .check(whole_number("--tp", 1, 24, "from 1 to 24"));
  command.option("--slots", choices.slots, "Sequences that are served at once")
      .check(whole_number("--slots", 1, 256, "from 1 to 256"))
      .show_default();
  command
      .option("-c,--context", choices.context,
              "Tokens of a sequence; default: the model's, 4096 at most")
      .check(whole_number("--context", 1, 1 << 20, "from 1 to 1048576"));
  command.option("--weights", choices.weights, "Form on the device: bf16, f16, int8 or q4")
      .show_default();
  command.flag("--embed-on-host", choices.embed_on_host,
               "Send rows of embeddings with each step instead of gathering them on the device");
  command.option("--chunk", choices.chunk, "Tokens of a prompt that one program takes")
      .check(whole_number("--chunk", 1, 8192, "from 1 to 8192"))
      .show_default();
  command
      .option("--layers-per-program", choices.layers_per_program,
              "Smaller programs for equal ranges of layers; 0 = all layers in one")
      .check(whole_number("--layers-per-program", 0, 1000, "from 0 to 1000"))
      .show_default();
  command
      .option("--draft", choices.draft_rows,
              "Also programs that check so many guessed tokens a sequence at once")
      .check(whole_number("--draft", 0, 16, "from 0 to 16"))
      .show_default();
  command.flag("--full", choices.full, "Also programs for copies of sequences");
  command
      .option("--allow", choices.allow,
              "Opcode or signature to let pass though no source shows that the compiler takes it; "
              "* is every one; may be repeated")
      .repeatable();
}

}  // namespace

void add_compile_command(const Command& app) {
  auto options = std::make_shared<CompileOptions>();
  const Command command = app.add_command("compile", "Compile a model for AWS Inferentia2");
  command.option("model,-m,--model", options->model, "GGUF file");
  add_choices(command, options->choices);
  command.flag("--check", options->check, "Lower and check the programs, compile nothing");
  command
      .option("--emit", options->emit,
              "Compile nothing; write the programs as hlo or hlo-text, or print the plan")
      .one_of({"hlo", "hlo-text", "plan"});
  command.option("-o,--output", options->directory, "Directory for --emit hlo and hlo-text");
  command
      .option("-j,--jobs", options->jobs,
              "Programs compiled at once; default: one every 16 GB of free memory")
      .check(whole_number("--jobs", 1, 64, "from 1 to 64"));
  command.footer(
      "Compiled programs are kept in IX_NEURON_CACHE (see ix cache). ix run --device neuron takes\n"
      "what was compiled for a model of the same shape, with the same slots and context.\n"
      "\nExamples:\n"
      "  ix compile model.gguf --instance inf2.xlarge\n"
      "  ix compile model.gguf --instance inf2.48xlarge --tp 8 --slots 16 --context 8192\n"
      "  ix compile model.gguf --check\n"
      "  ix compile model.gguf --emit hlo -o programs/\n"
      "  ix compile model.gguf --emit plan | jq .memory_of_a_core");
  command.action([options] { return run(*options); });
}

}  // namespace ix::cli
