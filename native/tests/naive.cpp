#include "naive.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace {

constexpr double UNIT = 0x1p-24;     // rounding unit of float32
constexpr double NOTHING = 0x1p-59;  // a weight this small may become zero
constexpr double OTHERS = 8;         // number of roundings outside the sums

// Number of rounding units of a sum that is computed tile by tile.
double units(int64_t terms) { return OTHERS + static_cast<double>(std::min<int64_t>(terms, 64) + terms / 64); }

// One query's row of the matrices.
struct Row {
  explicit Row(int64_t keys)
      : newer(keys), share(keys), rest(keys), weight(keys), error(keys), near(keys), segment(keys) {}
  std::vector<double> newer, share, rest, weight, error;  // error: absolute error of the weight
  std::vector<bool> near;
  std::vector<int64_t> segment;
  double sunk = 0, sunk_error = 0;  // the weight of the sink
  std::vector<int64_t> kept;
};

class Naive {
 public:
  Naive(const Arguments& arguments, const Inputs& inputs)
      : a(arguments),
        in(inputs),
        results{Expected(rows() * a.width),
                Expected(rows() * a.width),
                Expected(key_rows() * a.width),
                Expected(key_rows() * a.width),
                Expected(rows()),
                Expected(a.batch * a.heads * a.keys),
                Expected(a.batch * a.heads * a.keys),
                Expected(rows()),
                Expected(rows()),
                Expected(segments()),
                Expected(segments()),
                Expected(a.batch * a.heads * a.keys),
                Expected(rows())},
        row(a.keys) {}

  Results run() {
    for (int64_t batch = 0; batch < a.batch; ++batch)
      for (int64_t head = 0; head < a.heads; ++head)
        for (int64_t query = 0; query < a.queries; ++query) {
          const int64_t at = (batch * a.heads + head) * a.queries + query;
          const int64_t keys = (batch * a.kv_heads + head / (a.heads / a.kv_heads)) * a.keys;
          see(batch, query, at, keys);
          weigh(at);
          forward(at, keys);
          backward(at, keys, (batch * a.heads + head) * a.keys, a.keys - a.queries + query);
        }
    return std::move(results);
  }

 private:
  int64_t rows() const { return a.batch * a.heads * a.queries; }
  int64_t key_rows() const { return a.batch * a.kv_heads * a.keys; }
  int64_t segments() const { return a.batch * a.heads * (a.bends + 1); }
  double number_of(int64_t batch, int64_t distance) const {
    return a.distance[batch * (a.keys + 2 * BIAS_MARGIN) + BIAS_MARGIN + distance];
  }

  // Which keys are kept, the newest first; `weight` is their logit so far, and `error` its error in rounding units.
  void see(int64_t batch, int64_t query, int64_t at, int64_t keys) {
    const int64_t position = a.keys - a.queries + query;
    const double gate = a.rule == THRESHOLD_RELATIVE ? std::max<double>(a.log_forget[at], -1e30) : 0;
    const double* sums = a.rule == FORGETTING ? a.forgotten + at / a.queries * a.keys : nullptr;
    const float* biases = a.bias ? a.bias + at / a.queries * (a.keys + 2 * BIAS_MARGIN) + BIAS_MARGIN : nullptr;
    const double offset = a.rule == SIGMOID ? a.offset[at] : 0;
    const int32_t* documents = a.document ? a.document + batch * a.keys : nullptr;
    const double sum_units = in.exact ? OTHERS : OTHERS + static_cast<double>(a.width);
    row.kept.clear(), row.sunk = 0;
    for (int64_t key = position - a.strict; key >= 0; --key) {
      if (documents && documents[key] != documents[position]) continue;
      double product = 0, terms = 0;
      for (int64_t d = 0; d < a.width; ++d) {
        const double term = in.query[at * a.width + d] * in.key[(keys + key) * a.width + d];
        product += term, terms += std::fabs(term);
      }
      if (a.rule == THRESHOLD_RELATIVE && product <= a.limit) continue;
      if (biases && biases[position - key] == -INFINITY) continue;
      row.newer[key] = static_cast<double>(row.kept.size());
      const double bias = a.distance          ? relative_bias(batch, query, at, position - key, &row.segment[key])
                          : sums              ? sums[position] - sums[key]
                          : biases            ? biases[position - key]
                          : a.rule == SIGMOID ? offset
                                              : gate * row.newer[key];
      row.weight[key] = product * a.scale + bias;
      row.error[key] = sum_units * terms * a.scale + OTHERS * std::fabs(bias) + OTHERS;
      if (a.distance) row.error[key] += OTHERS * terms_of_bias;
      row.kept.push_back(key);
    }
  }

  double relative_bias(int64_t batch, int64_t query, int64_t at, int64_t distance, int64_t* segment) {
    const double relative = number_of(batch, distance) / a.length[batch * a.queries + query];
    const float *first = a.knots + batch * a.bends, *end = first + a.bends;
    *segment = std::lower_bound(first, end, relative) - first;
    const int64_t there = at / a.queries * (a.bends + 1) + *segment;
    terms_of_bias = std::fabs(a.slopes[there] * relative) + std::fabs(a.intercepts[there]);
    return a.slopes[there] * relative + a.intercepts[there];
  }

  void weigh(int64_t at) {
    switch (a.rule) {
      case STICK_BREAKING:
        return break_stick();
      case SIGMOID:
        return open_gates();
      case SOFTPICK:
        return pick();
      case ENTMAX:
        return take_entmax();
      default:
        return take_softmax(a.sink ? a.sink[at] : -INFINITY);
    }
  }

  void take_softmax(double sink) {
    double largest = sink, total = 0, all_errors = 0;
    for (int64_t key : row.kept) largest = std::max(largest, row.weight[key]);
    if (sink > -INFINITY) total += row.sunk = std::exp(sink - largest);
    for (int64_t key : row.kept) total += row.weight[key] = std::exp(row.weight[key] - largest);
    for (int64_t key : row.kept) {
      row.weight[key] /= total;
      row.error[key] += 2 * std::fabs(largest);
      all_errors += row.weight[key] * row.error[key];
    }
    const double roundings = sink > -INFINITY ? OTHERS * (1 + std::fabs(sink) + std::fabs(largest)) : 0;
    row.sunk /= total;
    all_errors += row.sunk * roundings + units(a.keys);
    row.sunk_error = row.sunk * UNIT * (roundings + all_errors) + NOTHING;
    for (int64_t key : row.kept) {
      const double weight = row.weight[key], lost = 2 * a.skip_tolerance;
      row.error[key] = weight * (UNIT * (row.error[key] + all_errors) + lost) + std::min(weight, lost) + NOTHING;
    }
  }

  void break_stick() {
    double left = 1, errors = 0;
    for (int64_t key : row.kept) {
      const double own = row.error[key], lost = a.skip_tolerance, score = row.weight[key];
      const double share = row.share[key] = 1 / (1 + std::exp(-score));
      const double weight = row.weight[key] = left * share;
      errors += OTHERS;
      row.error[key] = weight * UNIT * (own + errors) + std::min(weight, lost) + NOTHING;
      errors += share * own;
      left *= row.rest[key] = 1 / (1 + std::exp(score));
    }
  }

  void open_gates() {
    for (int64_t key : row.kept) {
      const double score = row.weight[key], own = row.error[key];
      const double weight = row.weight[key] = 1 / (1 + std::exp(-score));
      row.share[key] = weight * (row.rest[key] = 1 / (1 + std::exp(score)));
      row.error[key] = UNIT * (row.share[key] * own + OTHERS * weight) + NOTHING;
    }
  }

  // `share` is the slope of a weight, e^z over the denominator, with the sign of the score, and `rest` its error.
  void pick() {
    double largest = 0, total = 0, all_errors = 0;
    for (int64_t key : row.kept) largest = std::max(largest, row.weight[key]);
    for (int64_t key : row.kept) {
      const double score = row.weight[key], power = std::exp(score - largest), own = row.error[key];
      const double excess = score < 100 ? std::expm1(score) * std::exp(-largest) : power;
      row.near[key] = std::fabs(score) <= 2 * UNIT * own;  // rounding may give it the other sign
      row.weight[key] = excess, row.share[key] = excess == 0 ? 0 : std::copysign(power, excess);
      row.error[key] = UNIT * (own * power + OTHERS * std::fabs(excess)), row.rest[key] = UNIT * (own + OTHERS) * power;
      total += std::fabs(excess), all_errors += row.error[key];
    }
    total += 1e-8 * std::exp(-largest);
    all_errors = all_errors / total + UNIT * units(a.keys);
    for (int64_t key : row.kept) {
      const double weight = row.weight[key] = std::max(row.weight[key], 0.0) / total;
      row.error[key] = row.error[key] / total + weight * all_errors + NOTHING;
      row.share[key] /= total;
      row.rest[key] = row.rest[key] / total + std::fabs(row.share[key]) * all_errors + NOTHING;
    }
  }

  // `share` is the root of a weight, and `rest` its error. The threshold is found in a sorted row.
  void take_entmax() {
    std::vector<double> halves;
    for (int64_t key : row.kept) halves.push_back(row.weight[key] / 2);
    std::sort(halves.begin(), halves.end(), std::greater<>());
    double threshold = 0, sum = 0, squares = 0;
    const double highest = halves.empty() ? 0 : halves[0];  // numbers near 0 lose nothing when they are squared
    for (size_t n = 1; n <= halves.size(); ++n) {
      const double half = halves[n - 1] - highest;
      if (n > 1 && half <= threshold) break;
      sum += half, squares += half * half;
      const double count = static_cast<double>(n), mean = sum / count;
      threshold = mean - std::sqrt(std::max(0.0, (1 - (squares - sum * mean)) / count));
    }
    double roots = 0, errors = 0;
    for (int64_t key : row.kept) {
      const double root = row.share[key] = std::max(0.0, row.weight[key] / 2 - highest - threshold);
      row.error[key] = UNIT * (row.error[key] / 2 + OTHERS * (std::fabs(highest) + 1));
      roots += root, errors += root * row.error[key];
    }
    // Every rounding of the sum of n weights moves the threshold by the rounding unit over the sum of roots.
    const double of_threshold = (errors + UNIT * units(a.keys)) / std::max(roots, 1e-300);
    for (int64_t key : row.kept) {
      const double root = row.share[key], error = row.rest[key] = row.error[key] + of_threshold;
      row.near[key] = row.weight[key] / 2 - highest - threshold > -2 * error;
      row.weight[key] = root * root;
      row.error[key] = row.near[key] ? 2 * root * error + 4 * error * error + OTHERS * UNIT * root * root : 0;
    }
  }

  void forward(int64_t at, int64_t keys) {
    for (int64_t key : row.kept)
      for (int64_t d = 0; d < a.width; ++d) {
        const double value = in.value[(keys + key) * a.width + d];
        results.output.value[at * a.width + d] += row.weight[key] * value;
        results.output.bound[at * a.width + d] +=
            (row.error[key] + UNIT * units(a.keys) * row.weight[key]) * std::fabs(value);
      }
  }

  // `head` is the first of the head's running sums, and of its biases.
  void backward(int64_t at, int64_t keys, int64_t head, int64_t position) {
    const double *gradient = &in.gradient[at * a.width], *query = &in.query[at * a.width];
    const double sum_units = UNIT * (OTHERS + static_cast<double>(a.width));
    double mean = 0, mean_terms = 0, mean_error = 0;
    for (int64_t d = 0; d < a.width; ++d) {
      const double output = results.output.value[at * a.width + d];
      mean += gradient[d] * output, mean_terms += std::fabs(gradient[d] * output);
      mean_error += std::fabs(gradient[d]) * results.output.bound[at * a.width + d];
    }
    if (a.sink) {
      results.d_sink.value[at] -= row.sunk * mean;
      results.d_sink.bound[at] += row.sunk_error * std::fabs(mean) + row.sunk * (sum_units * mean_terms + mean_error);
    }
    if (a.rule == ENTMAX) take_mean_by_roots(gradient, keys, &mean, &mean_terms, &mean_error);
    double older = mean;  // stick-breaking: the sum of weight times d_weight over the older keys
    for (int64_t key : row.kept) {
      const double weight = row.weight[key], *keyed = &in.key[(keys + key) * a.width];
      const double* value = &in.value[(keys + key) * a.width];
      double d_weight = 0, terms = mean_terms;
      for (int64_t d = 0; d < a.width; ++d) {
        d_weight += gradient[d] * value[d], terms += std::fabs(gradient[d] * value[d]);
      }
      const bool stick = a.rule == STICK_BREAKING;
      const double share = row.share[key], gained = weight * d_weight;
      older -= gained;
      const double largest = std::fabs(d_weight) + std::fabs(mean);
      double d_logit = weight * (d_weight - mean), slope = weight, slope_error = row.error[key];
      if (stick) d_logit = gained * row.rest[key] - share * older;
      if (a.rule == SIGMOID) d_logit = gained * row.rest[key];
      if (a.rule == SOFTPICK) {
        d_logit = share > 0 ? share * (d_weight - mean) : -share * mean;
        slope = std::fabs(share), slope_error = row.rest[key];
      }
      if (a.rule == ENTMAX) {
        d_logit = share * (d_weight - mean);
        slope = share, slope_error = row.near[key] ? row.rest[key] : 0;
      }
      double error = slope_error * largest + slope * (sum_units * terms + mean_error);
      if (a.rule == SOFTPICK && row.near[key]) error += 2 * slope * largest;
      // What older keys hold is the difference of sums over all keys, to which every key adds its error.
      if (stick) error += 2 * share * (mean_error + UNIT * units(a.keys) * (OTHERS + a.width) * mean_terms);
      const double of_keys = error + UNIT * units(a.keys) * slope * largest;
      const double of_queries = error + UNIT * units(a.heads * a.queries) * slope * largest;
      results.d_offset.value[at] += d_logit;
      results.d_offset.bound[at] += of_keys;
      results.d_log_forget.value[at] += d_logit * row.newer[key];
      results.d_log_forget.bound[at] += of_keys * row.newer[key];
      results.d_forgotten.value[head + key] -= d_logit;
      results.d_forgotten.bound[head + key] += of_queries;
      results.d_bias.value[head + position - key] += d_logit;
      results.d_bias.bound[head + position - key] += of_queries;
      if (a.distance) relate(at, head, position - key, row.segment[key], d_logit, of_keys + of_queries);
      for (int64_t d = 0; d < a.width; ++d) {
        const int64_t there = (keys + key) * a.width + d;
        results.d_query.value[at * a.width + d] += a.scale * d_logit * keyed[d];
        results.d_query.bound[at * a.width + d] += a.scale * of_keys * std::fabs(keyed[d]);
        results.d_key.value[there] += a.scale * d_logit * query[d];
        results.d_key.bound[there] += a.scale * of_queries * std::fabs(query[d]);
        results.d_value.value[there] += weight * gradient[d];
        results.d_value.bound[there] +=
            (row.error[key] + UNIT * units(a.heads * a.queries) * weight) * std::fabs(gradient[d]);
      }
    }
  }

  // The gradients of a relative bias; `error` is that of a logit's gradient, with all sums that it enters.
  void relate(int64_t at, int64_t head, int64_t distance, int64_t segment, double d_logit, double error) {
    const int64_t slot = at / a.queries, batch = slot / a.heads, there = slot * (a.bends + 1) + segment;
    const double length = a.length[batch * a.queries + at % a.queries];
    const double relative = number_of(batch, distance) / length, slope = a.slopes[there];
    const auto add = [&](Expected& to, int64_t index, double factor) {
      to.value[index] += factor * d_logit;
      to.bound[index] += std::fabs(factor) * (error + UNIT * units(a.keys) * std::fabs(d_logit));
    };
    add(results.d_intercepts, there, 1);
    add(results.d_slopes, there, relative);
    add(results.d_distance, head + distance, slope / length);
    add(results.d_length, at, -slope * relative / length);
  }

  // The mean of the gradients of weights, by the roots of the weights, and its error.
  void take_mean_by_roots(const double* gradient, int64_t keys, double* mean, double* terms, double* error) const {
    double roots = 0;
    for (int64_t key : row.kept) roots += row.share[key];
    *mean = *terms = *error = 0;
    for (int64_t key : row.kept)
      for (int64_t d = 0; d < a.width; ++d) {
        const double each = gradient[d] * in.value[(keys + key) * a.width + d], share = row.share[key] / roots;
        *mean += share * each, *terms += share * std::fabs(each);
        if (row.near[key]) *error += 2 * row.rest[key] / roots * std::fabs(each);
      }
    *error += UNIT * units(a.keys) * *terms;
  }

  const Arguments& a;
  const Inputs& in;
  Results results;
  Row row;
  double terms_of_bias = 0;
};

}  // namespace

Results attend(const Arguments& arguments, const Inputs& inputs) { return Naive(arguments, inputs).run(); }
