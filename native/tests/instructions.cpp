// instructions TOKENS PASSES: one call of attention that visits every key, 1 head of 64: nothing, forward, or forward
// and backward (PASSES 0, 1 or 2). An emulator counts the instructions; the difference of two calls is free of what a
// start costs.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../arguments.h"

extern "C" {
const char* lengthwise_forward(const Arguments*);
const char* lengthwise_backward(const Arguments*);
}

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: %s TOKENS PASSES\n", words[0]);
    return 2;
  }
  const int64_t tokens = std::atol(words[1]), width = 64;
  std::vector<float> inputs[4], results[4], numbers[4];
  for (int i = 0; i < 4; ++i) {
    numbers[i].assign(tokens, 0), results[i].assign(tokens * width, 0);
    for (int64_t at = 0; at < tokens * width; ++at)  // any numbers between -1 and 1
      inputs[i].push_back(static_cast<float>((at * 7919 + i * 104729) % 2001) / 1000 - 1);
  }
  Arguments a{};
  a.rule = THRESHOLD_RELATIVE, a.batch = a.heads = a.kv_heads = a.threads = 1;
  a.queries = a.keys = tokens, a.width = width;
  Tensor* vectors[] = {&a.query, &a.key, &a.value};
  for (int i = 0; i < 3; ++i) *vectors[i] = {inputs[i].data(), tokens * width, tokens * width, width};
  a.log_forget = numbers[0].data(), a.limit = -1e30, a.scale = 0.125, a.largest_key_norm = 8;
  a.output = results[0].data(), a.gradient = inputs[3].data();
  a.largest = numbers[1].data(), a.total = numbers[2].data(), a.visited = numbers[3].data();
  a.d_query = results[1].data(), a.d_key = results[2].data(), a.d_value = results[3].data();
  std::vector<float> d_gates(tokens);
  int32_t finding = 0;
  a.d_log_forget = d_gates.data(), a.finding = &finding;
  const int passes = std::atoi(words[2]);
  const char* failure = passes > 0 ? lengthwise_forward(&a) : nullptr;
  if (!failure && passes > 1) failure = lengthwise_backward(&a);
  if (failure) std::fprintf(stderr, "%s\n", failure);
  return failure != nullptr;
}
