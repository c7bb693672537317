#include "neuron/cache_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "backend/neuron/compiler/deployment.h"
#include "backend/neuron/compiler/neff_cache.h"
#include "option_checks.h"
#include "terminal.h"

namespace ix::cli {
namespace {

namespace neuron = backend::neuron;

struct CacheOptions {
  std::string root;
  std::string directory;  // of export and import
  int64_t older_than_days = -1;
  std::string keep_compiler;
};

std::string day(int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

double mb(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

Status list(const neuron::NeffCache& cache, const CacheOptions& /*options*/) {
  print_text(fmt::format("{}\n", cache.root()));
  for (const neuron::Deployment& deployment : neuron::list_deployments(cache.root())) {
    print_text(fmt::format("model    {}  {}: {} cores of {}, {}, {} x {} tokens, {} programs\n",
                           day(deployment.created), deployment.model, deployment.ranks,
                           deployment.instance, deployment.weights, deployment.slots,
                           deployment.context, deployment.programs.size()));
  }
  IX_ASSIGN_OR_RETURN(const auto entries, cache.list());
  for (const neuron::CacheEntry& entry : entries) {
    print_text(fmt::format(
        "program  {}  {}  {}, {} core{}, {:.1f} MB, compiled in {:.0f} s by {}\n",
        day(entry.created), entry.program_key, entry.module_name, entry.world,
        entry.world == 1 ? "" : "s", mb(entry.neff_bytes), entry.compile_seconds, entry.compiler));
  }
  if (entries.empty()) print_text("no programs\n");
  return ok_status();
}

Status verify(const neuron::NeffCache& cache, const CacheOptions& /*options*/) {
  IX_ASSIGN_OR_RETURN(const auto damaged, cache.verify());
  IX_ASSIGN_OR_RETURN(const auto entries, cache.list());
  print_text(fmt::format("{} whole\n", entries.size()));
  if (damaged.empty()) return ok_status();
  return corrupt(
      fmt::format("{} damaged; the first is {}", damaged.size(), damaged.front().reason));
}

Status prune(const neuron::NeffCache& cache, const CacheOptions& options) {
  neuron::PruneOptions prune{.keep_only_compiler = options.keep_compiler};
  if (options.older_than_days >= 0) {
    const auto limit =
        std::chrono::system_clock::now() - std::chrono::hours(24 * options.older_than_days);
    prune.created_before =
        std::chrono::duration_cast<std::chrono::seconds>(limit.time_since_epoch()).count();
  }
  IX_ASSIGN_OR_RETURN(const auto result, cache.prune(prune));
  print_text(fmt::format("{} removed, {:.1f} MB\n", result.removed, mb(result.freed_bytes)));
  return ok_status();
}

void print_copied(const neuron::CopyResult& result) {
  print_text(fmt::format("{} copied, {} were there\n", result.copied, result.present));
}

Status export_to(const neuron::NeffCache& cache, const CacheOptions& options) {
  IX_ASSIGN_OR_RETURN(const auto result, cache.export_to(options.directory));
  print_copied(result);
  return ok_status();
}

Status import_from(const neuron::NeffCache& cache, const CacheOptions& options) {
  IX_ASSIGN_OR_RETURN(const auto result, cache.import_from(options.directory));
  print_copied(result);
  return ok_status();
}

using CacheAction = Status (*)(const neuron::NeffCache&, const CacheOptions&);

int run(const CacheOptions& options, CacheAction what) {
  const auto cache = neuron::NeffCache::open(options.root);
  if (!cache.ok()) return report_error(cache.status());
  const Status status = what(*cache, options);
  return status.ok() ? kExitOk : report_error(status);
}

}  // namespace

void add_cache_command(const Command& app) {
  auto options = std::make_shared<CacheOptions>();
  const Command command = app.add_command("cache", "Look after programs compiled for Inferentia2");
  const auto add = [&](const char* name, const char* description, const char* example,
                       CacheAction what) {
    const Command inner = command.add_command(name, description);
    inner.option("--cache", options->root,
                 "The cache; default: IX_NEURON_CACHE, then below the user's cache directory");
    inner.footer(fmt::format("Examples:\n  {}", example));
    inner.action([options, what] { return run(*options, what); });
    return inner;
  };
  add("list", "Show models and programs", "ix cache list", list);
  add("verify", "Check every program; put damaged ones aside", "ix cache verify", verify);
  const Command pruning = add("prune", "Remove damaged, failed and, if asked, old programs",
                              "ix cache prune --older-than 90", prune);
  pruning.option("--older-than", options->older_than_days, "Also programs of so many days")
      .check(whole_number("--older-than", 0, 36500, "from 0 to 36500"));
  pruning.option("--keep-compiler", options->keep_compiler,
                 "Also programs of every other version of neuronx-cc");
  add("export", "Copy whole programs into a directory", "ix cache export /mnt/programs", export_to)
      .option("directory", options->directory, "Made where it is missing")
      .required();
  add("import", "Copy programs from an exported directory", "ix cache import /mnt/programs",
      import_from)
      .option("directory", options->directory, "What ix cache export made")
      .required();
  command.footer(
      "Examples:\n"
      "  ix cache list\n"
      "  ix cache verify\n"
      "  ix cache prune --older-than 90\n"
      "  ix cache export /mnt/programs\n"
      "  ix cache import /mnt/programs");
  command.action([] {
    return report_error(
        invalid_argument("say what to do: ix cache list, verify, prune, export or import"),
        kExitUsage);
  });
}

}  // namespace ix::cli
