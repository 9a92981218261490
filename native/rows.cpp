// What is computed for each row alone, as Python calls it: blocks of rows are shared among threads.
#include <algorithm>
#include <vector>

#include "chosen.h"
#include "guarded.h"
#include "team.h"

namespace {

constexpr int64_t BLOCK = 64;  // rows; the sum over rows does not depend on the number of threads

int64_t blocks(int64_t rows) { return (rows + BLOCK - 1) / BLOCK; }

// Runs work(begin, end, block) on all rows; `cost` is about the number of multiplications for a row.
template <typename Work>
void on_rows(int64_t threads, int64_t rows, int64_t cost, Work work) {
  share(threads, blocks(rows), static_cast<double>(BLOCK * cost),
        [&](int64_t block, int64_t) { work(block * BLOCK, std::min(rows, (block + 1) * BLOCK), block); });
}

// Runs a kernel on all rows; returns null, or a message that says what went wrong.
template <typename Of>
const char* run(const Of* a, int64_t rows, int64_t cost, void (*Kernels::*kernel)(const Of&, int64_t, int64_t)) {
  return guarded([&] {
    on_rows(a->threads, rows, cost, [&](int64_t begin, int64_t end, int64_t) { (chosen().*kernel)(*a, begin, end); });
  });
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

const char* lengthwise_swiglu(const Plain* a) { return run(a, a->rows, 20 * a->width, &Kernels::swiglu); }
const char* lengthwise_swiglu_backward(const Plain* a) {
  return run(a, a->rows, 25 * a->width, &Kernels::swiglu_backward);
}
const char* lengthwise_entmax(const Plain* a) { return run(a, a->rows, 20 * a->width, &Kernels::entmax); }
const char* lengthwise_entmax_backward(const Plain* a) {
  return run(a, a->rows, 10 * a->width, &Kernels::entmax_backward);
}
const char* lengthwise_rms_norm(const RmsNorm* a) { return run(a, a->rows, 4 * a->width, &Kernels::rms_norm); }
const char* lengthwise_rotate(const Rotation* a) {
  return run(a, a->batch * a->tokens, 3 * a->heads * a->width, &Kernels::rotate);
}

const char* lengthwise_rms_norm_backward(const RmsNorm* a) {
  return guarded([&] {
    const int64_t numbers = a->d_weight ? a->width : 0;
    std::vector<float> sums(blocks(a->rows) * numbers);  // of each block
    on_rows(a->threads, a->rows, 10 * a->width, [&](int64_t begin, int64_t end, int64_t block) {
      chosen().rms_norm_backward(*a, begin, end, numbers ? &sums[block * numbers] : nullptr);
    });
    for (int64_t block = 0; block < blocks(a->rows); ++block)
      for (int64_t i = 0; i < numbers; ++i) a->d_weight[i] += sums[block * numbers + i];
  });
}
}
#pragma GCC visibility pop
