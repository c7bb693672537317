// The softmax of a chunk's scores, over a lanes header, which must be included before, with
// vector_body.h.
#pragma once

#include <float.h>
#include <stdint.h>

namespace {

float attention_softmax(float* scores, int first, int end, float* max_out) {
  float* s = scores + first;
  const int n = end - first;
  Vec top = set1(-FLT_MAX);
  float rest_top = -FLT_MAX;
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) top = max(top, load(s + i));
  for (; i < n; ++i) rest_top = s[i] > rest_top ? s[i] : rest_top;
  const float lanes_top = reduce_max(top);
  const float maximum = lanes_top > rest_top ? lanes_top : rest_top;
  const Vec shift = set1(maximum);
  Vec sum = set1(0.0F);
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const Vec p = exp(sub(load(s + i), shift));
    store(s + i, p);
    sum = add(sum, p);
  }
  float total = reduce_add(sum);
  if (i < n) {
    store_part(s + i, exp(sub(load_part(s + i, n - i), shift)), n - i);
    for (; i < n; ++i) total += s[i];
  }
  *max_out = maximum;
  return total;
}

}  // namespace
