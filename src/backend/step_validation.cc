#include "backend/step_validation.h"

#include <fmt/format.h>

#include "base/checked_math.h"

namespace ix::backend {
namespace {

Status validate_rows(const StepInput& input, const StepLimits& limits) {
  const size_t rows = input.tokens.size();
  if (rows == 0) return invalid_argument("a step needs at least one row");
  if (rows > static_cast<size_t>(limits.max_rows)) {
    return invalid_argument(
        fmt::format("a step of {} rows: this executor takes at most {}", rows, limits.max_rows));
  }
  if (input.wants.size() != rows) {
    return invalid_argument(fmt::format("{} wants for {} rows", input.wants.size(), rows));
  }
  for (size_t row = 0; row < rows; ++row) {
    const TokenId token = input.tokens[row];
    if (token < 0 || token >= limits.vocab_size) {
      return invalid_argument(fmt::format("row {}: token {} is outside the vocabulary of {}", row,
                                          token, limits.vocab_size));
    }
    const RowWant want = input.wants[row];
    if (want.kind == Want::top_k && (want.k < 1 || want.k > kMaxTopK)) {
      return invalid_argument(
          fmt::format("row {}: top_k of {} is outside 1 .. {}", row, want.k, kMaxTopK));
    }
  }
  return ok_status();
}

Status validate_table(std::span<const BlockId> table, Position start, int64_t end, size_t group,
                      const KvInfo& kv) {
  const int64_t block_tokens = kv.tokens_per_block;
  const KvGroupInfo& info = kv.groups[group];
  const int64_t needed = ceil_div(end, block_tokens);
  if (static_cast<int64_t>(table.size()) < needed) {
    return invalid_argument(
        fmt::format("KV group {}: a table of {} blocks of {} tokens does not cover {} positions",
                    group, table.size(), block_tokens, end));
  }
  const int64_t first_needed = first_visible(start, info.window) / block_tokens;
  for (int64_t i = 0; i < needed; ++i) {
    const BlockId block = table[static_cast<size_t>(i)];
    if (block >= 0 && block < info.blocks) continue;
    if (block == kNoBlock && i < first_needed) continue;
    return invalid_argument(
        fmt::format("KV group {}: entry {} of the table is block {}, {}", group, i, block,
                    block == kNoBlock ? std::string("none, but the window still needs it")
                                      : fmt::format("outside the pool of {}", info.blocks)));
  }
  return ok_status();
}

Status validate_sequence(const SequenceRows& sequence, const KvInfo& kv) {
  if (sequence.rows < 1) return invalid_argument("needs at least one row");
  const int64_t end = int64_t{sequence.start} + sequence.rows;
  if (sequence.start < 0 || end > kMaxPositions) {
    return invalid_argument(fmt::format("positions {} .. {} are outside 0 .. {}", sequence.start,
                                        end - 1, kMaxPositions - 1));
  }
  if (sequence.block_tables.size() != kv.groups.size()) {
    return invalid_argument(fmt::format("{} block tables for {} KV groups",
                                        sequence.block_tables.size(), kv.groups.size()));
  }
  for (size_t group = 0; group < kv.groups.size(); ++group) {
    IX_RETURN_IF_ERROR(
        validate_table(sequence.block_tables[group], sequence.start, end, group, kv));
  }
  return ok_status();
}

}  // namespace

Status validate_step(const StepInput& input, const StepLimits& limits, const KvInfo& kv) {
  IX_RETURN_IF_ERROR(validate_rows(input, limits));
  int64_t covered = 0;
  for (size_t i = 0; i < input.sequences.size(); ++i) {
    const SequenceRows& sequence = input.sequences[i];
    if (sequence.first_row != covered) {
      return invalid_argument(fmt::format("sequence {} of the step begins at row {}, expected {}",
                                          i, sequence.first_row, covered));
    }
    if (Status status = validate_sequence(sequence, kv); !status.ok()) {
      return status.with_context(fmt::format("sequence {} of the step", i));
    }
    covered += sequence.rows;
  }
  if (covered != static_cast<int64_t>(input.tokens.size())) {
    return invalid_argument(fmt::format("the sequences have {} rows, the step has {} tokens",
                                        covered, input.tokens.size()));
  }
  return ok_status();
}

Status validate_copy(int32_t group, std::span<const BlockId> from, std::span<const BlockId> to,
                     const KvInfo& kv) {
  if (group < 0 || static_cast<size_t>(group) >= kv.groups.size()) {
    return invalid_argument(
        fmt::format("KV group {} is outside 0 .. {}", group, int64_t(kv.groups.size()) - 1));
  }
  if (from.size() != to.size()) {
    return invalid_argument(
        fmt::format("a copy from {} blocks to {} blocks", from.size(), to.size()));
  }
  const int32_t blocks = kv.groups[static_cast<size_t>(group)].blocks;
  for (const auto& ids : {from, to}) {
    for (const BlockId block : ids) {
      if (block < 0 || block >= blocks) {
        return invalid_argument(
            fmt::format("KV group {}: block {} is outside the pool of {}", group, block, blocks));
      }
    }
  }
  return ok_status();
}

}  // namespace ix::backend
