#include "rowwise.h"

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "../rows.h"
#include "strided.h"

extern "C" {
const char* lengthwise_swiglu(const Plain*);
const char* lengthwise_swiglu_backward(const Plain*);
const char* lengthwise_rms_norm(const RmsNorm*);
const char* lengthwise_rms_norm_backward(const RmsNorm*);
const char* lengthwise_entmax(const Plain*);
const char* lengthwise_entmax_backward(const Plain*);
const char* lengthwise_rotate(const Rotation*);
}

namespace {

using Array = std::vector<float>;  // which ends at the end of its memory

Array drawn(Random& random, int64_t count, double largest) {
  Array numbers(count);
  for (float& number : numbers) number = static_cast<float>(largest * (2 * random.uniform() - 1));
  return numbers;
}

Array unwritten(int64_t count) { return Array(count, std::numeric_limits<float>::quiet_NaN()); }

// All numbers are as expected, up to an error.
bool agree(const Array& found, const std::function<double(int64_t)>& expected, double error) {
  for (size_t i = 0; i < found.size(); ++i)
    if (!(std::fabs(found[i] - expected(static_cast<int64_t>(i))) <= error)) return false;
  return true;
}

std::string swiglu(Random& random, int64_t rows, int64_t width, int64_t threads) {
  const Array input = drawn(random, 2 * rows * width, 12), gradient = drawn(random, rows * width, 1);
  Array output = unwritten(rows * width), d_input = unwritten(2 * rows * width);
  const Plain a{rows, width, threads, input.data(), output.data(), gradient.data(), d_input.data()};
  if (lengthwise_swiglu(&a) || lengthwise_swiglu_backward(&a)) return "SwiGLU failed";
  const auto gate = [&](int64_t i) { return static_cast<double>(input[i / width * 2 * width + i % width]); };
  const auto up = [&](int64_t i) { return static_cast<double>(input[(i / width * 2 + 1) * width + i % width]); };
  const auto sigmoid = [&](int64_t i) { return 1 / (1 + std::exp(-gate(i))); };
  if (!agree(output, [&](int64_t i) { return gate(i) * sigmoid(i) * up(i); }, 1e-4)) return "output of SwiGLU";
  const auto derivative = [&](int64_t i) {
    const int64_t row = i / (2 * width), column = i % (2 * width), of = row * width + column % width;
    const double s = sigmoid(of);
    return gradient[of] * (column < width ? up(of) * s * (1 + gate(of) * (1 - s)) : gate(of) * s);
  };
  return agree(d_input, derivative, 1e-4) ? "" : "gradient of SwiGLU";
}

std::string rms_norm(Random& random, int64_t rows, int64_t width, int64_t threads) {
  const bool weighted = random.one_in(2), learned = weighted && random.one_in(2);
  const double epsilon = 1e-6;
  const Array input = drawn(random, rows * width, 3), gradient = drawn(random, rows * width, 1);
  const Array weight = weighted ? drawn(random, width, 1) : Array();
  Array output = unwritten(rows * width), d_input = unwritten(rows * width), d_weight(learned ? width : 0);
  const RmsNorm a{rows,           width,
                  threads,        epsilon,
                  input.data(),   weighted ? weight.data() : nullptr,
                  output.data(),  gradient.data(),
                  d_input.data(), learned ? d_weight.data() : nullptr};
  if (lengthwise_rms_norm(&a) || lengthwise_rms_norm_backward(&a)) return "RMSNorm failed";
  std::vector<double> scale(rows), mean(rows), of_weight(width);
  const auto w = [&](int64_t i) { return weighted ? static_cast<double>(weight[i % width]) : 1.0; };
  for (int64_t i = 0; i < rows * width; ++i) scale[i / width] += static_cast<double>(input[i]) * input[i] / width;
  for (double& each : scale) each = 1 / std::sqrt(each + epsilon);
  const auto normalised = [&](int64_t i) { return input[i] * scale[i / width]; };
  for (int64_t i = 0; i < rows * width; ++i) {
    mean[i / width] += normalised(i) * w(i) * gradient[i] / width;
    of_weight[i % width] += normalised(i) * gradient[i];
  }
  if (!agree(output, [&](int64_t i) { return normalised(i) * w(i); }, 1e-4)) return "output of RMSNorm";
  const auto derivative = [&](int64_t i) {
    return scale[i / width] * (w(i) * gradient[i] - normalised(i) * mean[i / width]);
  };
  for (int64_t i = 0; i < rows * width; ++i) {
    // A row of small numbers has a large scale.
    if (std::fabs(d_input[i] - derivative(i)) > 1e-5 * (10 + 10 * scale[i / width])) return "gradient of RMSNorm";
  }
  if (!agree(d_weight, [&](int64_t i) { return of_weight[i]; }, 1e-2)) return "gradient of the weight of RMSNorm";
  return "";
}

std::string entmax(Random& random, int64_t rows, int64_t width, int64_t threads) {
  Array input = drawn(random, rows * width, 4);
  const Array gradient = drawn(random, rows * width, 1);
  for (int64_t row = 0; row < rows; ++row)  // keys after the query's own
    for (int64_t i = random.from_to(1, width); i < width; ++i) input[row * width + i] = -INFINITY;
  Array output = unwritten(rows * width), d_input = unwritten(rows * width);
  const Plain a{rows, width, threads, input.data(), output.data(), gradient.data(), d_input.data()};
  if (lengthwise_entmax(&a) || lengthwise_entmax_backward(&a)) return "entmax failed";
  for (int64_t row = 0; row < rows; ++row) {
    const float* scores = &input[row * width];
    double low = -1e9, high = -1e9, sum = 0, product = 0;
    for (int64_t i = 0; i < width; ++i) high = std::fmax(high, scores[i] / 2.0);
    low = high - 1;
    const auto root = [&](int64_t i) { return std::fmax(0.0, scores[i] / 2.0 - low); };
    for (int step = 0; step < 60; ++step) {  // bisection: the weights sum to 1 or more at `low`
      const double keep = low, middle = (low + high) / 2;
      double total = 0;
      low = middle;
      for (int64_t i = 0; i < width; ++i) total += root(i) * root(i);
      if (total < 1) high = middle, low = keep;
    }
    for (int64_t i = 0; i < width; ++i) sum += root(i), product += root(i) * gradient[row * width + i];
    for (int64_t i = 0; i < width; ++i) {
      const int64_t at = row * width + i;
      if (!(std::fabs(output[at] - root(i) * root(i)) <= 1e-5)) return "output of entmax";
      if (!(std::fabs(d_input[at] - root(i) * (gradient[at] - product / sum)) <= 1e-4)) return "gradient of entmax";
    }
  }
  return "";
}

std::string rotation(Random& random, int64_t tokens, int64_t pairs, int64_t threads) {
  const int64_t batch = random.from_to(1, 3), heads = random.from_to(1, 4), width = 2 * pairs;
  const bool each = random.one_in(2);  // each sequence has its own angles
  const Array angles = drawn(random, (each ? batch : 1) * tokens * pairs, 9),
              input = drawn(random, batch * heads * tokens * width, 1);
  Array cosine, sine, output = unwritten(static_cast<int64_t>(input.size()));
  for (float angle : angles) {
    cosine.push_back(std::cos(angle));
    sine.push_back(std::sin(angle));
  }
  const auto by_token = [&](const Array& of) {  // (batch, tokens, heads, width)
    return Tensor{const_cast<float*>(of.data()), tokens * heads * width, width, heads * width};
  };
  const Rotation a{batch,         heads,       tokens,          width,           threads, each ? tokens * pairs : 0,
                   cosine.data(), sine.data(), by_token(input), by_token(output)};
  if (lengthwise_rotate(&a)) return "the rotation failed";
  const auto turned = [&](int64_t i) {
    const int64_t column = i % width, token = i / (heads * width) % tokens, row = i / (tokens * heads * width);
    const int64_t angle = ((each ? row : 0) * tokens + token) * pairs + column % pairs,
                  first = i - column + column % pairs;
    const double c = cosine[angle], s = sine[angle], x = input[first], y = input[first + pairs];
    return column < pairs ? x * c - y * s : x * s + y * c;
  };
  return agree(output, turned, 1e-5) ? "" : "output of the rotation";
}

}  // namespace

std::string wrong_rowwise(uint64_t seed) {
  Random random(seed);
  const int64_t rows = random.from_to(1, 200), width = random.from_to(1, 90), threads = random.from_to(1, 3);
  for (const auto& wrong : {swiglu(random, rows, width, threads), rms_norm(random, rows, width, threads),
                            entmax(random, rows, width, threads), rotation(random, rows, width, threads)})
    if (!wrong.empty())
      return wrong + " of " + std::to_string(rows) + " rows of " + std::to_string(width) + " numbers, " +
             std::to_string(threads) + " threads";
  return "";
}
