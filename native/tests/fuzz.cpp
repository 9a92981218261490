// fuzz CASES SEED: compares random calls, forward and backward, with the naive computation. Sanitizers end the program
// at errors that no result shows.
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cases.h"
#include "rowwise.h"

extern "C" {
const char* lengthwise_path();
const char* lengthwise_forward(const Arguments*);
const char* lengthwise_backward(const Arguments*);

// Sanitizers look up these functions by name. Each sanitizer has its own runtime, but all of them can abort.
const char* __asan_default_options() { return "abort_on_error=1"; }
const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }
const char* __tsan_default_options() { return "abort_on_error=1:halt_on_error=1"; }
}

namespace {

std::string now;  // description of the current case, for a failure

void say_now(int = 0) {
  if (write(STDERR_FILENO, now.data(), now.size()) < 0) std::_Exit(1);
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "Wrong: %s\n", what.c_str());
  say_now();
  std::exit(1);
}

void check(bool holds, const char* what) {
  if (!holds) fail(what);
}

// `padded` is the width of the rows of `found`; the numbers beyond `width` have to be zero.
void compare(const char* name, const std::vector<float>& found, const Expected& expected, int64_t width,
             int64_t padded) {
  for (size_t i = 0; i < found.size(); ++i) {
    const int64_t row = static_cast<int64_t>(i) / padded, column = static_cast<int64_t>(i) % padded;
    const bool inside = column < width;
    const double value = inside ? expected.value[row * width + column] : 0;
    // Twice the bound, for terms that are not of first order, and a little for the smallest numbers.
    const double bound = inside ? 2 * expected.bound[row * width + column] + 1e-30 : 0;
    const double error = std::fabs(found[i] - value);
    if (error <= bound) continue;
    char numbers[200];
    std::snprintf(numbers, sizeof numbers, " has %g in row %lld, column %lld, not %g; off by %g times the bound",
                  static_cast<double>(found[i]), static_cast<long long>(row), static_cast<long long>(column), value,
                  error / bound);
    fail(name + std::string(numbers));
  }
}

// A walk that may not stop early visits all tiles.
void check_visited(const Case& of) {
  const Arguments& a = of.arguments;
  for (int64_t i = 0; i < a.batch * a.heads * a.queries; ++i) {
    const int64_t all = (a.keys - a.queries + i % a.queries) / 64 + 1;
    const bool whole = a.skip_tolerance == 0 && !a.document;
    const float visited = of.visited[i];
    check(visited >= (whole ? all : 1) && visited <= all && std::floor(visited) == visited, "tiles visited");
  }
}

void run(Case& of) {
  const Arguments& a = of.arguments;
  check(!lengthwise_forward(&a), "the forward pass failed");
  if (of.gate_above_one) {
    check(of.finding == GATE_ABOVE_ONE && std::isnan(of.output[0]), "a gate above one was not found");
    return;
  }
  check_visited(of);
  check(!lengthwise_backward(&a), "the backward pass failed");
  if (of.broken) return;
  check(of.finding == 0, "a number that is not finite was found");
  const Results results = attend(a, of.inputs);
  const int64_t padded = (a.width + 15) / 16 * 16;
  compare("output", of.output, results.output, a.width, a.width);
  compare("d_query", of.d_query, results.d_query, a.width, a.width);
  compare("d_key", of.d_key, results.d_key, a.width, padded);
  compare("d_value", of.d_value, results.d_value, a.width, padded);
  if (a.rule == THRESHOLD_RELATIVE) compare("d_log_forget", of.d_log_forget, results.d_log_forget, 1, 1);
  if (a.bias) compare("d_bias", of.d_bias, results.d_bias, 1, 1);
  if (a.distance) {
    compare("d_slopes", of.d_slopes, results.d_slopes, 1, 1);
    compare("d_intercepts", of.d_intercepts, results.d_intercepts, 1, 1);
    compare("d_distance", of.d_distance, results.d_distance, 1, 1);
    compare("d_length", of.d_length, results.d_length, 1, 1);
  }
  if (a.sink) compare("d_sink", of.d_sink, results.d_sink, 1, 1);
  if (a.rule == SIGMOID) compare("d_offset", of.d_offset, results.d_offset, 1, 1);
  if (a.rule == FORGETTING) compare("d_forgotten", of.d_forgotten, results.d_forgotten, 1, 1);
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: %s CASES SEED\n", words[0]);
    return 2;
  }
  const long cases = std::atol(words[1]);
  const uint64_t seed = std::strtoull(words[2], nullptr, 10);
  const char* path = lengthwise_path();
  if (!path) {
    std::printf("%s: skipped, this processor or compiler does not have it.\n", std::getenv("LENGTHWISE_NATIVE"));
    return 0;
  }
  std::signal(SIGABRT, say_now);
  for (long i = 0; i < cases; ++i) {
    const std::string own_seed = std::to_string(seed + static_cast<uint64_t>(i));
    now = "while drawing the case of seed " + own_seed + "\n";
    Case of(seed + static_cast<uint64_t>(i));
    now = std::string("Repeat with LENGTHWISE_POISON=1 LENGTHWISE_NATIVE=") + path + " " + words[0] + " 1 " + own_seed +
          "\n" + of.description() + "\n";
    run(of);
    const std::string wrong = wrong_rowwise(seed + static_cast<uint64_t>(i));
    if (!wrong.empty()) fail(wrong);
  }
  std::printf("%s: %ld cases, none wrong.\n", path, cases);
}
