#include "session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "backend/cpu/cpu_executor.h"
#include "backend/reference/reference_executor.h"
#include "model/model.h"
#include "progress.h"
#include "terminal.h"

namespace ix::cli {
namespace {

// With a line of progress on a terminal.
Result<std::shared_ptr<const backend::cpu::CpuModel>> load_weights(
    const SessionOptions& options, const graph::Decoder& decoder, const gguf::GgufFile& file,
    const backend::ExecutorOptions& executor_options) {
  LoadingLine line;
  return backend::cpu::load_model(decoder, file, executor_options,
                                  {.isa = options.isa,
                                   .pack = !options.no_pack,
                                   .progress = LoadingLine::update,
                                   .progress_context = &line});
}

Result<std::unique_ptr<backend::Executor>> open_executor(const SessionOptions& options,
                                                         const graph::Decoder& decoder,
                                                         const gguf::GgufFile& file,
                                                         const DevicePlan& plan, int64_t context) {
  const backend::ExecutorOptions executor_options{.threads = options.threads,
                                                  .max_rows = options.max_rows,
                                                  .kv_tokens = context * plan.slots,
                                                  .max_sequences = plan.slots};
  if (options.device.device != "cpu") {
    return open_device(options.device, plan, decoder, file, executor_options);
  }
  if (options.precise) return backend::open_reference(decoder, file, executor_options);
  IX_ASSIGN_OR_RETURN(auto model, load_weights(options, decoder, file, executor_options));
  if (options.lock_memory) {
    // Without the lock it runs as well, until memory is short.
    const Status locked = backend::cpu::lock_weights(*model);
    if (!locked.ok()) print_warning(locked.message());
  }
  return backend::cpu::open_cpu(std::move(model), executor_options);
}

// The context to use and the graph for it: rope factors depend on the context.
Result<std::pair<int64_t, graph::Decoder>> build(const gguf::GgufFile& file, int64_t asked) {
  IX_ASSIGN_OR_RETURN(graph::Decoder decoder, model::build_decoder(file, {asked}));
  if (asked > 0) return std::pair(asked, std::move(decoder));
  const int64_t context = std::min(decoder.context_length, engine::kDefaultContext);
  if (context < decoder.context_length) {
    IX_ASSIGN_OR_RETURN(decoder, model::build_decoder(file, {context}));
  }
  return std::pair(context, std::move(decoder));
}

}  // namespace

Status check_model_given(const std::string& path) {
  return path.empty() ? invalid_argument("give a model: -m FILE.gguf") : ok_status();
}

Result<Vocabulary> Vocabulary::open(const std::string& path) {
  IX_RETURN_IF_ERROR(check_model_given(path));
  Vocabulary out;
  IX_ASSIGN_OR_RETURN(out.file_, gguf::GgufFile::open(path));
  auto tokenizer = tokenizer::Tokenizer::create(out.file_->metadata());
  if (!tokenizer.ok()) return tokenizer.status().with_context(path);
  out.tokenizer_ = std::move(tokenizer).value();
  return out;
}

Result<std::unique_ptr<Session>> Session::open(const SessionOptions& options) {
  if (options.lock_memory && (options.precise || options.no_pack)) {
    return invalid_argument("--mlock locks repacked weights: leave --precise and --no-pack away");
  }
  IX_RETURN_IF_ERROR(check_device(options.device));
  const bool on_cpu = options.device.device == "cpu";
  if (!on_cpu &&
      (options.precise || options.no_pack || options.lock_memory || !options.isa.empty())) {
    return invalid_argument("--precise, --no-pack, --mlock and --isa are for --device cpu");
  }
  const auto start = std::chrono::steady_clock::now();
  IX_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::open(options.model));
  std::unique_ptr<Session> session(new Session(std::move(vocabulary)));
  IX_ASSIGN_OR_RETURN(const DevicePlan plan,
                      plan_device(options.device, session->file(), options.context));
  auto built = build(session->file(), plan.context);
  if (!built.ok()) return built.status().with_context(options.model);
  const int64_t context = built->first;
  session->decoder_ = std::move(built->second);
  IX_ASSIGN_OR_RETURN(auto executor,
                      open_executor(options, session->decoder_, session->file(), plan, context));
  IX_ASSIGN_OR_RETURN(
      session->engine_,
      engine::Engine::create(
          session->decoder_, std::move(executor), session->tokenizer(),
          {.context_length = context, .max_sequences = 1, .max_rows = options.max_rows}));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  session->load_ms_ = took.count();
  return session;
}

}  // namespace ix::cli
