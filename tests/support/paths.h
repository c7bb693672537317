// Where tests find what was fetched, installed or written for them.
#pragma once

#include <string>

namespace ix::paths {

// What scripts/fetch.py has fetched: cached("models/gemma-3-270m-q4_k_m.gguf").
std::string cached(const std::string& name);

// Tiny models and the oracle's logits, written when the tests are built.
std::string tiny_models();

// Python packages of the tests, among them XLA's plugins.
std::string python_packages();

}  // namespace ix::paths
