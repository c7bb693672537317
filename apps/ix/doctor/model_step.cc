#include "doctor/model_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/reference/reference_executor.h"
#include "backend/xla/static_executor.h"
#include "doctor/compile_step.h"
#include "doctor/device_under_test.h"
#include "doctor/tiny_model.h"

namespace ix::cli::doctor {
namespace {

using Logits = std::vector<float>;  // [vocabulary]

constexpr int32_t kRows = 16;  // of a step
constexpr int64_t kTokens = 64;
constexpr TokenId kPrompt[] = {17, 401, 3, 256, 99, 511, 0, 42, 7};
constexpr int kDecoded = 3;

// Root mean square of the errors as a part of the logits' own. Weights and inputs of a product are
// rounded to bfloat16, each 1.6e-3 off in the root mean square; some ten products follow each
// other: sqrt(10) * sqrt(2) * 1.6e-3 = 7e-3. Three times that; a wrong mask, head or scale gives
// 0.1 and more.
constexpr double kBound = 2e-2;

// The logits of the last of `tokens`, whose first is at `start`.
Result<Logits> run_step(backend::Executor& executor, std::span<const TokenId> tokens,
                        Position start, backend::Deadline deadline) {
  const int32_t per_block = executor.kv().tokens_per_block;
  std::vector<backend::BlockId> table(static_cast<size_t>((kTokens + per_block - 1) / per_block));
  std::iota(table.begin(), table.end(), 0);
  const std::span<const backend::BlockId> tables[] = {table};
  const auto rows = static_cast<int32_t>(tokens.size());
  const backend::SequenceRows sequence{
      .first_row = 0, .rows = rows, .start = start, .block_tables = tables};
  std::vector<backend::RowWant> wants(tokens.size());
  wants.back() = {.kind = backend::Want::logits};
  IX_ASSIGN_OR_RETURN(
      const backend::Ticket ticket,
      executor.submit({.tokens = tokens, .sequences = {&sequence, 1}, .wants = wants}));
  IX_ASSIGN_OR_RETURN(const backend::StepOutput output, executor.wait(ticket, deadline));
  const auto logits = output.rows.front().logits;
  return Logits(logits.begin(), logits.end());
}

TokenId best(const Logits& logits) {
  return static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
}

double relative_error(const Logits& expected, const Logits& got) {
  double error = 0;
  double size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - expected[i], 2);
    size += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(error / size);
}

Result<std::unique_ptr<backend::Executor>> open_on_device(DeviceUnderTest& device,
                                                          const TinyModel& model,
                                                          const backend::ExecutorOptions& options) {
  backend::xla::XlaOptions xla_options;
  xla_options.target.pad_single_rows = !device.is_neuron();
  xla_options.programs.chunk = kRows;
  IX_ASSIGN_OR_RETURN(
      auto loaded,
      backend::xla::XlaModel::load(model.decoder(), model, std::move(device.runtime), xla_options));
  return backend::xla::open_static(std::move(loaded), options);
}

// The worst row. Both are given the tokens that the reference chooses.
Result<double> worst_error(backend::Executor& reference, backend::Executor& on_device,
                           const DeviceUnderTest& device) {
  std::vector<TokenId> tokens(std::begin(kPrompt), std::end(kPrompt));
  Position start = 0;
  double worst = 0;
  for (int step = 0; step <= kDecoded; ++step) {
    IX_ASSIGN_OR_RETURN(const Logits expected,
                        run_step(reference, tokens, start, backend::kNoDeadline));
    IX_ASSIGN_OR_RETURN(const Logits got, run_step(on_device, tokens, start, device.deadline()));
    const double error = relative_error(expected, got);
    if (!(error <= worst)) worst = error;  // NaN too
    start += static_cast<Position>(tokens.size());
    tokens = {best(expected)};
  }
  return worst;
}

StepResult run(DeviceUnderTest& device) {
  const TinyModel model;
  const backend::ExecutorOptions options{
      .threads = 1, .max_rows = kRows, .kv_tokens = kTokens, .max_sequences = 1};
  const auto reference = backend::open_reference(model.decoder(), model, options);
  if (!reference.ok()) return StepResult::failed(reference.status());
  const auto on_device = open_on_device(device, model, options);
  if (!on_device.ok()) return StepResult::failed(on_device.status());
  const auto error = worst_error(**reference, **on_device, device);
  // Programs are loaded when a step first needs them.
  if (error.status().code() == StatusCode::not_found) return without_compiler();
  if (!error.ok()) return StepResult::failed(error.status());
  const std::string got =
      fmt::format("off by {:.2g} of the logits, in the worst of {} rows", *error, 1 + kDecoded);
  const Json details{{"worst_error", std::isfinite(*error) ? Json(*error) : Json()},
                     {"allowed_error", kBound}};
  return *error <= kBound ? StepResult::passed(got, details) : StepResult::failed(got, details);
}

}  // namespace

Step model_step(bool compiles_apart) {
  return {
      "model",
      "a tiny model end to end",
      fmt::format("logits of a prompt and {} decoded tokens off by {} of the reference's at most",
                  kDecoded, kBound),
      "do not trust models on this device: attach the report to an issue",
      compiles_apart ? kFamilyCompileLimit : std::chrono::seconds(120),
      {kOpenStep},
      run};
}

}  // namespace ix::cli::doctor
