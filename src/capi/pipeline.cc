#include "capi/pipeline.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

#include "capi/stream.h"

namespace ix::capi {
namespace {

// The A of some products: made ready by the first that runs, freed after the last.
class SharedWeights {
 public:
  void add_user() { ++users_; }

  Status run(Machine& machine, const GemmWork& product, int threads) {
    Status status = without_leaving(machine, product, threads);
    std::shared_ptr<const Weights> last;
    const std::lock_guard lock(mutex_);
    if (--users_ == 0) last = std::move(weights_);
    return status;
  }

 private:
  Status without_leaving(Machine& machine, GemmWork product, int threads) {
    IX_ASSIGN_OR_RETURN(product.weights, get(machine, product, threads));
    return run_gemm(machine, product, threads);
  }

  // Others wait for who makes it ready; where that fails the next one tries.
  Result<std::shared_ptr<const Weights>> get(Machine& machine, const GemmWork& product,
                                             int threads) {
    const std::lock_guard lock(mutex_);
    if (weights_ == nullptr) {
      IX_ASSIGN_OR_RETURN(weights_, make_weights(machine, product.blocks, product.exact, threads));
    }
    return weights_;
  }

  std::mutex mutex_;
  int64_t users_ = 0;
  std::shared_ptr<const Weights> weights_;
};

// Null for products whose A is not made ready.
using WeightsOfProducts = std::vector<std::shared_ptr<SharedWeights>>;

WeightsOfProducts share_weights(const std::vector<GemmWork>& products) {
  std::map<std::tuple<const ix_block_q4_K*, int64_t, int64_t, int64_t>,
           std::shared_ptr<SharedWeights>>
      known;
  WeightsOfProducts weights(products.size());
  for (size_t i = 0; i < products.size(); ++i) {
    if (!products[i].needs_weights()) continue;
    const BlockMatrix& a = products[i].blocks;
    std::shared_ptr<SharedWeights>& shared = known[{a.blocks, a.rows, a.cols, a.stride}];
    if (shared == nullptr) shared = std::make_shared<SharedWeights>();
    shared->add_user();
    weights[i] = shared;
  }
  return weights;
}

}  // namespace

Status run_pipeline(Machine& machine, const std::vector<GemmWork>& products, int64_t n_streams) {
  IX_ASSIGN_OR_RETURN(const auto accelerator, machine.accelerator());
  const WeightsOfProducts weights =
      accelerator == nullptr ? WeightsOfProducts(products.size()) : share_weights(products);
  const auto count = static_cast<int>(std::min(n_streams, static_cast<int64_t>(products.size())));
  const int threads = std::max(machine.cores().threads() / count, 1);
  std::vector<std::unique_ptr<Stream>> streams;
  streams.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) streams.push_back(std::make_unique<Stream>(threads));
  for (size_t i = 0; i < products.size(); ++i) {
    IX_RETURN_IF_ERROR(streams[i % streams.size()]->enqueue([&, i] {
      return weights[i] == nullptr ? run_gemm(machine, products[i], threads)
                                   : weights[i]->run(machine, products[i], threads);
    }));
  }
  Status first;
  for (const std::unique_ptr<Stream>& stream : streams) {
    Status status = stream->close(Stream::Pending::finish);
    if (first.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace ix::capi
