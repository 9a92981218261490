// The walks as Python calls them, with their tasks shared among threads.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "chosen.h"
#include "guarded.h"
#include "team.h"

namespace {

// Memory for every thread; tests fill it with NaN, because no kernel may read memory that it has not written.
class Floats {
 public:
  Floats(int64_t members, int64_t each) : each_((each + 15) / 16 * 16) {
    const size_t bytes = static_cast<size_t>(each_ * members) * sizeof(float);
    at_.reset(static_cast<float*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
    if (!at_) throw std::bad_alloc();
    if (std::getenv("LENGTHWISE_POISON")) std::memset(at_.get(), 0xff, bytes);  // NaN
  }
  float* of(int64_t member) const { return at_.get() + member * each_; }

 private:
  struct Free {
    void operator()(void* at) const { std::free(at); }
  };
  int64_t each_;
  std::unique_ptr<float, Free> at_;
};

int64_t padded(int64_t width) { return (width + 15) / 16 * 16; }

// Approximate number of multiplications for some queries; for walks that may stop early, the 256 keys are a guess.
double cost_of(const Arguments& a, double queries) {
  const double keys = static_cast<double>(a.skip_tolerance > 0 ? std::min<int64_t>(a.keys, 256) : a.keys);
  return queries * keys * static_cast<double>(a.width);
}

// For each key the largest norm of it and all earlier keys, (batch, kv_heads, keys); null if the caller knows a bound.
std::unique_ptr<Floats> running_norms(const Arguments& a) {
  if (a.largest_key_norm >= 0) return nullptr;
  const int64_t heads = a.batch * a.kv_heads;
  auto norms = std::make_unique<Floats>(1, heads * a.keys);
  float* const all = norms->of(0);
  share(a.threads, chosen().norm_tasks(a), 4096.0 * a.width,
        [&](int64_t task, int64_t) { chosen().norms(a, all, task); });
  share(a.threads, heads, static_cast<double>(a.keys), [&](int64_t head, int64_t) {
    float* of = all + head * a.keys;
    for (int64_t i = 1; i < a.keys; ++i)
      if (!(of[i] >= of[i - 1])) of[i] = of[i] != of[i] ? of[i] : of[i - 1];  // NaN stays
  });
  return norms;
}

// True if a logarithm of a gate is above 0, or a running sum of such logarithms rises.
bool gate_above_one(const Arguments& a) {
  const float* gates = a.log_forget;
  const double* sums = a.forgotten;
  const int64_t heads = a.batch * a.heads;
  if (gates && std::any_of(gates, gates + heads * a.queries, [](float gate) { return gate > 0; })) return true;
  for (int64_t i = 0; sums && i < heads * a.keys; ++i)
    if (sums[i] > (i % a.keys ? sums[i - 1] : 0)) return true;
  return false;
}

void forward(const Arguments& a, const float* norms) {
  const Floats scratch(a.threads, chosen().forward_scratch(a));
  share(a.threads, chosen().forward_tasks(a), cost_of(a, 64),
        [&](int64_t task, int64_t member) { chosen().forward(a, norms, task, scratch.of(member)); });
}

// Walks waves of ranges, the nearest first and more ranges in each wave, until every row has met its horizon. A range
// gives the same bits in any wave.
void decode(const Arguments& a, const float* norms) {
  const int64_t width = padded(a.width), units = a.batch * a.kv_heads, count = a.batch * a.heads * a.queries;
  const int64_t of_unit = count / units;
  const Floats scratch(a.threads, chosen().decode_scratch(a)), memory(1, 2 * count * width);
  std::vector<FewRow> rows(count);
  share(a.threads, count, 64.0 * a.width, [&](int64_t i, int64_t member) {
    rows[i].query = memory.of(0) + 2 * i * width;
    rows[i].found.output = rows[i].query + width;
    chosen().decode_prepare(a, norms, i, rows[i], scratch.of(member));
  });
  const int64_t most = std::max<int64_t>(1, 16 * a.threads / units);
  int64_t range = (a.keys - 1) / RANGE;
  for (int64_t wave = 1; range >= 0; range -= wave, wave = std::min(2 * wave, most)) {
    wave = std::min(wave, range + 1);
    const Floats outputs(1, wave * count * width);
    std::vector<Found> found(wave * count);
    for (int64_t i = 0; i < wave * count; ++i) found[i].output = outputs.of(0) + i * width;
    share(a.threads, wave * units, std::min<double>(RANGE * 16.0 * a.width, cost_of(a, 16)),
          [&](int64_t task, int64_t member) {
            const int64_t unit = task % units, back = task / units;
            chosen().decode_visit(a, norms, unit, range - back, &rows[unit * of_unit], of_unit,
                                  &found[back * count + unit * of_unit], scratch.of(member));
          });
    bool done = true;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t back = 0; back < wave && !rows[i].found.done; ++back)
        chosen().decode_join(a, norms, i / of_unit, range - back, found[back * count + i], rows[i]);
      done = done && rows[i].found.done;
    }
    if (done) break;
  }
  for (int64_t i = 0; i < count; ++i) chosen().decode_finish(a, i, rows[i]);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// The name of the path, or null if LENGTHWISE_NATIVE names a path that this machine does not have.
const char* lengthwise_path() { return chosen_if_any() ? chosen_if_any()->name : nullptr; }

int64_t lengthwise_size_of_arguments() { return sizeof(Arguments); }

// Both functions return null, or a message that says what went wrong.
const char* lengthwise_forward(const Arguments* a) {
  return guarded([&] {
    if (gate_above_one(*a)) {
      *a->finding = GATE_ABOVE_ONE;
      return;
    }
    const auto norms = running_norms(*a);
    (a->rule == THRESHOLD_RELATIVE && a->queries <= FEW ? decode : forward)(*a, norms ? norms->of(0) : nullptr);
  });
}

const char* lengthwise_backward(const Arguments* a) {
  return guarded([&] {
    const int64_t tasks = chosen().backward_tasks(*a);
    std::vector<std::atomic<int32_t>> passed(tasks);
    for (auto& tile : passed) tile = std::numeric_limits<int32_t>::max();
    const Floats scratch(a->threads, chosen().backward_scratch(*a));
    share(a->threads, tasks, cost_of(*a, 192),
          [&](int64_t task, int64_t member) { chosen().backward(*a, passed.data(), task, scratch.of(member)); });
  });
}
}
#pragma GCC visibility pop
