// inferentia.h: the entry points of the Inferentia backend.
#include "ix/inferentia.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/checked_math.h"
#include "capi/accelerator.h"
#include "capi/announce.h"
#include "capi/gemm.h"
#include "capi/last_error.h"
#include "capi/pipeline.h"
#include "capi/runtime.h"
#include "quant/dequantize.h"

namespace ix::capi {

template <>
struct FieldEnds<gemm_q4_K_inferentia_request> {
  static constexpr size_t kEnds[] = {
      offsetof(gemm_q4_K_inferentia_request, A),       offsetof(gemm_q4_K_inferentia_request, B),
      offsetof(gemm_q4_K_inferentia_request, C),       offsetof(gemm_q4_K_inferentia_request, M),
      offsetof(gemm_q4_K_inferentia_request, N),       offsetof(gemm_q4_K_inferentia_request, K),
      offsetof(gemm_q4_K_inferentia_request, options), sizeof(gemm_q4_K_inferentia_request)};
};

namespace {

constexpr int64_t kMostStreams = 256;
constexpr int64_t kMostProducts = int64_t{1} << 24;  // of a batch or pipeline
constexpr int64_t kMostBatchElements = int64_t{1} << 44;
constexpr int64_t kMostBlocks = int64_t{1} << 36;
constexpr int64_t kMostThings = INT32_MAX;  // cores, devices
constexpr int64_t kBlocksOfTask = 64;

Status check_count(std::string_view name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return ok_status();
  return invalid_argument(fmt::format("{} is {}; it must be {} to {}", name, value, least, most));
}

Status dequantize(const ix_block_q4_K* blocks, float* out, int64_t n_blocks, int32_t n_cores) {
  IX_RETURN_IF_ERROR(check_count("n_blocks", n_blocks, 0, kMostBlocks));
  IX_RETURN_IF_ERROR(check_count("n_cores", n_cores, 0, kMostThings));
  if (n_blocks == 0) return ok_status();
  IX_RETURN_IF_ERROR(check_pointer("blocks", blocks, alignof(ix_block_q4_K)));
  IX_RETURN_IF_ERROR(check_pointer("out", out, alignof(float)));
  IX_ASSIGN_OR_RETURN(Machine* const machine, Runtime::get().machine());
  IX_ASSIGN_OR_RETURN(const auto accelerator, machine->accelerator());
  if (accelerator != nullptr) {
    const auto bytes = std::as_bytes(std::span(blocks, static_cast<size_t>(n_blocks)));
    return after_use(*accelerator, accelerator->dequantize(bytes, n_cores, out));
  }
  IX_ASSIGN_OR_RETURN(const Cores::Loan cores, machine->cores().borrow(n_cores));
  cores.pool().run(ceil_div(n_blocks, kBlocksOfTask), [&](int64_t task, int /*thread*/) {
    const int64_t first = task * kBlocksOfTask;
    const auto count = static_cast<size_t>(std::min(kBlocksOfTask, n_blocks - first));
    const Status status = quant::dequantize_row(quant::TensorType::q4_k,
                                                std::as_bytes(std::span(blocks + first, count)),
                                                std::span(out + first * IX_QK_K, count * IX_QK_K));
    IX_CHECK(status.ok());
  });
  return ok_status();
}

// The CPU is one device, which all batches of a call share.
Status batched(const ix_block_q4_K* a, const ix_fp16* const* b, float* const* c, int64_t m,
               int64_t n, int64_t k, int64_t batch_size, int32_t n_devices,
               const ix_gemm_options* options, ix_stream* stream) {
  IX_RETURN_IF_ERROR(check_count("batch_size", batch_size, 0, kMostProducts));
  IX_RETURN_IF_ERROR(check_count("n_devices", n_devices, 0, kMostThings));
  if (batch_size > 0) {
    IX_RETURN_IF_ERROR(check_pointer("the array B", b, alignof(void*)));
    IX_RETURN_IF_ERROR(check_pointer("the array C", c, alignof(void*)));
  }
  const auto count = static_cast<size_t>(batch_size);
  IX_ASSIGN_OR_RETURN(GemmWork work, check_gemm(a, {b, count}, {c, count}, m, n, k, options));
  work.most_groups = n_devices == 0 ? batch_size : std::min<int64_t>(n_devices, batch_size);
  return submit_gemm(std::move(work), stream);
}

// Of [batch_size] matrices back to back.
Status batch_back_to_back(const ix_block_q4_K* a, const ix_fp16* b, float* c, int m, int n, int k,
                          int batch_size, void* stream) {
  IX_RETURN_IF_ERROR(check_count("batch_size", batch_size, 0, kMostProducts));
  // Checks one product: sizes that are negative or too large must not become distances.
  IX_RETURN_IF_ERROR(check_gemm(a, {&b, 1}, {&c, 1}, m, n, k, nullptr).status());
  const int64_t b_step = int64_t{k} * n;
  const int64_t c_step = int64_t{m} * n;
  for (const int64_t step : {b_step, c_step}) {
    const std::optional<int64_t> all = checked_mul<int64_t>(batch_size, step);
    if (!all || *all > kMostBatchElements) {
      return invalid_argument(
          fmt::format("{} matrices [{}, {}] or [{}, {}] are too large", batch_size, k, n, m, n));
    }
  }
  std::vector<const ix_fp16*> all_b;
  std::vector<float*> all_c;
  all_b.reserve(static_cast<size_t>(batch_size));
  all_c.reserve(static_cast<size_t>(batch_size));
  for (int64_t i = 0; i < batch_size; ++i) {
    all_b.push_back(b_step == 0 ? b : b + i * b_step);
    all_c.push_back(c_step == 0 ? c : c + i * c_step);
  }
  IX_ASSIGN_OR_RETURN(GemmWork work, check_gemm(a, all_b, all_c, m, n, k, nullptr));
  work.most_groups = batch_size;
  return submit_gemm(std::move(work), static_cast<ix_stream*>(stream));
}

Result<GemmWork> check_request(const gemm_q4_K_inferentia_request* request) {
  IX_RETURN_IF_ERROR(check_pointer("the request", request, alignof(gemm_q4_K_inferentia_request)));
  IX_ASSIGN_OR_RETURN(const gemm_q4_K_inferentia_request known,
                      read_options("gemm_q4_K_inferentia_request", request));
  return check_gemm(known.A, {&known.B, 1}, {&known.C, 1}, known.M, known.N, known.K,
                    known.options);
}

Status pipelined(const gemm_q4_K_inferentia_request* const* requests, int64_t n_requests,
                 int32_t n_streams) {
  IX_RETURN_IF_ERROR(check_count("n_requests", n_requests, 0, kMostProducts));
  IX_RETURN_IF_ERROR(check_count("n_streams", n_streams, 1, kMostStreams));
  if (n_requests == 0) return ok_status();
  IX_RETURN_IF_ERROR(check_pointer("requests", requests, alignof(void*)));
  std::vector<GemmWork> work;
  work.reserve(static_cast<size_t>(n_requests));
  for (int64_t i = 0; i < n_requests; ++i) {
    Result<GemmWork> checked = check_request(requests[i]);
    if (!checked.ok()) return checked.status().with_context(fmt::format("request {}", i));
    work.push_back(*std::move(checked));
  }
  IX_ASSIGN_OR_RETURN(Machine* const machine, Runtime::get().machine());
  return run_pipeline(*machine, work, n_streams);
}

// Says on stderr what a function without a status cannot return.
void print_failure(ix_status status) {
  if (status == IX_OK) return;
  try {
    std::fprintf(stderr, "[Inference-X] %s\n", one_line(ix_last_error()).c_str());
  } catch (...) {  // without memory
    return;
  }
}

template <typename F>
ix_status announced(std::string_view function, F&& work) noexcept {
  announce_once();
  return guarded(function, work);
}

}  // namespace
}  // namespace ix::capi

extern "C" {

ix_status dequant_q4_K_inferentia(const ix_block_q4_K* blocks, float* out, int64_t n_blocks,
                                  int32_t n_cores) {
  return ix::capi::announced("dequant_q4_K_inferentia",
                             [&] { return ix::capi::dequantize(blocks, out, n_blocks, n_cores); });
}

ix_status gemm_q4_K_inferentia(const ix_block_q4_K* A, const ix_fp16* B, float* C, int64_t M,
                               int64_t N, int64_t K, const ix_gemm_options* options,
                               ix_stream* stream) {
  return ix::capi::announced("gemm_q4_K_inferentia",
                             [&] { return ix::capi::gemm(A, B, C, M, N, K, options, stream); });
}

ix_status gemm_q4_K_inferentia_cache_create(const ix_block_q4_K* A, int64_t M, int64_t K,
                                            gemm_q4_K_inferentia_cache** cache) {
  return ix::capi::announced("gemm_q4_K_inferentia_cache_create",
                             [&] { return ix::capi::pack_weights(A, M, K, nullptr, cache); });
}

ix_status gemm_q4_K_inferentia_cache_free(gemm_q4_K_inferentia_cache* cache) {
  return ix::capi::announced("gemm_q4_K_inferentia_cache_free",
                             [&] { return ix::capi::free_weights(cache); });
}

ix_status gemm_q4_K_inferentia_cached(const gemm_q4_K_inferentia_cache* cache, const ix_fp16* B,
                                      float* C, int64_t N, const ix_gemm_options* options,
                                      ix_stream* stream) {
  return ix::capi::announced("gemm_q4_K_inferentia_cached", [&] {
    return ix::capi::gemm_packed(cache, B, C, N, options, stream);
  });
}

ix_status gemm_q4_K_inferentia_batched(const ix_block_q4_K* A, const ix_fp16* const* B,
                                       float* const* C, int64_t M, int64_t N, int64_t K,
                                       int64_t batch_size, int32_t n_devices,
                                       const ix_gemm_options* options, ix_stream* stream) {
  return ix::capi::announced("gemm_q4_K_inferentia_batched", [&] {
    return ix::capi::batched(A, B, C, M, N, K, batch_size, n_devices, options, stream);
  });
}

ix_status gemm_q4_K_inferentia_pipelined(const gemm_q4_K_inferentia_request* const* requests,
                                         int64_t n_requests, int32_t n_streams) {
  return ix::capi::announced("gemm_q4_K_inferentia_pipelined",
                             [&] { return ix::capi::pipelined(requests, n_requests, n_streams); });
}

void gemm_q4_K_aws_inferentia(const ix_block_q4_K* A, const ix_fp16* B, float* C, int M, int N,
                              int K, void* stream) {
  ix::capi::print_failure(ix::capi::announced("gemm_q4_K_aws_inferentia", [&] {
    return ix::capi::gemm(A, B, C, M, N, K, nullptr, static_cast<ix_stream*>(stream));
  }));
}

void gemm_q4_K_aws_inferentia_batch(const ix_block_q4_K* A, const ix_fp16* B, float* C, int M,
                                    int N, int K, int batch_size, void* stream) {
  ix::capi::print_failure(ix::capi::announced("gemm_q4_K_aws_inferentia_batch", [&] {
    return ix::capi::batch_back_to_back(A, B, C, M, N, K, batch_size, stream);
  }));
}
}
