#include "cases.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

namespace {

constexpr int64_t WORK = 4'000'000;  // largest number of multiplications in a product of all queries and keys, roughly
constexpr float NOT_A_NUMBER = std::numeric_limits<float>::quiet_NaN();

}  // namespace

Case::Case(uint64_t seed) : random_(seed) {
  draw_sizes();
  draw_options();
  draw_documents();
  draw_queries_and_keys();
  draw_the_rest();
  allocate_results();
}

void Case::draw_sizes() {
  Arguments& a = arguments;
  a.batch = random_.from_to(1, 3), a.kv_heads = random_.from_to(1, 3);
  int64_t group = random_.from_to(1, 3);
  const int64_t around = random_.from_to(-1, 1);
  switch (random_.below(3)) {
    case 0:
      a.queries = random_.from_to(1, 5);
      break;
    case 1:
      a.queries = 64 * random_.from_to(1, 3) + around;
      break;
    default:
      a.queries = random_.from_to(1, 200);
  }
  switch (random_.below(4)) {
    case 0:
      a.keys = a.queries;
      break;
    case 1:
      a.keys = (a.queries + 63) / 64 * 64 + 64 * random_.below(3) + random_.from_to(0, 1);
      break;
    default:
      a.keys = a.queries + random_.below(200);
  }
  if (a.queries <= 5 && random_.one_in(3)) a.keys = 2048 * random_.from_to(1, 2) + random_.any_of({-1, 0, 1, 700});
  switch (random_.below(8)) {
    case 0:
      a.width = 256;
      break;
    case 1:
    case 2:
      a.width = 16 * random_.from_to(1, 5);
      break;
    default:
      a.width = random_.from_to(1, 80);
  }
  for (int64_t* size : {&a.batch, &group, &a.kv_heads})
    while (*size > 1 && a.batch * a.kv_heads * group * a.queries * a.keys * a.width > WORK) --*size;
  a.heads = a.kv_heads * group;
}

void Case::draw_options() {
  Arguments& a = arguments;
  a.rule = random_.any_of<Rule>({THRESHOLD_RELATIVE, THRESHOLD_RELATIVE, FORGETTING, STICK_BREAKING, DISTANCE_BIAS,
                                 SIGMOID, SOFTPICK, ENTMAX, RELATIVE_BIAS});
  a.strict = a.rule == STICK_BREAKING;
  a.bfloat16 = random_.below(2), a.threads = random_.from_to(1, 4);
  a.skip_tolerance = random_.any_of({0.0, 0x1p-24});
  const double larger = random_.any_of({0.25, 1.0, 1.0, 4.0, 64.0});  // the larger norms need a running maximum
  a.scale = static_cast<float>(larger * (0.5 + random_.uniform()) / std::sqrt(static_cast<double>(a.width)));
  broken = random_.one_in(10), gate_above_one = a.rule == THRESHOLD_RELATIVE && !broken && random_.one_in(30);
}

void Case::draw_documents() {
  Arguments& a = arguments;
  if (random_.one_in(2)) return;
  const int64_t runs = random_.from_to(1, 100), ids = random_.any_of({1, 3, 10000});
  document_.resize(a.batch * a.keys), oldest_.resize(a.batch * a.queries);
  for (int64_t batch = 0; batch < a.batch; ++batch) {
    int32_t* of = document_.data() + batch * a.keys;
    for (int64_t key = 0; key < a.keys; ++key)
      of[key] = key && !random_.one_in(runs) ? of[key - 1] : static_cast<int32_t>(random_.below(ids));
    for (int64_t query = 0; query < a.queries; ++query) {
      const int32_t own = of[a.keys - a.queries + query];
      oldest_[batch * a.queries + query] = static_cast<int32_t>(std::find(of, of + a.keys, own) - of);
    }
  }
  a.document = document_.data(), a.oldest = oldest_.data();
}

template <typename Number, typename Factor>
std::vector<double> Case::rows_of(int64_t rows, Number number, Factor factor) const {
  std::vector<double> all;
  for (int64_t row = 0; row < rows; ++row) {
    const double by = factor();
    for (int64_t d = 0; d < arguments.width; ++d) all.push_back(by * number());
  }
  return all;
}

// Keep decisions must not depend on rounding. Eighths have exact products, and if all numbers of a row have one sign,
// products are far from zero.
void Case::draw_queries_and_keys() {
  Arguments& a = arguments;
  const auto eighth = [&] { return static_cast<double>(random_.from_to(-24, 24)) / 8; };
  const auto positive = [&] { return 0.01 + 2 * random_.uniform(); };
  const auto any = [&] { return 4 * random_.uniform() - 2; };
  const auto one = [] { return 1.0; };
  const auto sign = [&] { return random_.any_of({1.0, -1.0}); };
  const auto power = [&] { return random_.any_of({1.0, 0.5, 0.25, 0.125}); };  // for both kinds of softmax
  switch (random_.below(4)) {
    case 0:
      kind_ = "one sign a row";
      inputs.query = rows_of(rows(), positive, sign), inputs.key = rows_of(key_rows(), positive, sign);
      a.limit = 0;
      break;
    case 1:
      kind_ = "everything kept";
      inputs.query = rows_of(rows(), any, power), inputs.key = rows_of(key_rows(), any, one);
      a.limit = random_.any_of({-std::numeric_limits<double>::infinity(), -1e5});
      break;
    default:
      kind_ = "eighths", inputs.exact = true;
      inputs.query = rows_of(rows(), eighth, power), inputs.key = rows_of(key_rows(), eighth, one);
      a.limit = random_.any_of({0.0, 0.0, 1.0, -2.0, 0.125, 1e6, 0.5 + 0x1p-12});
  }
}

void Case::draw_the_rest() {
  Arguments& a = arguments;
  const auto any = [&] { return static_cast<double>(static_cast<float>(4 * random_.uniform() - 2)); };
  const auto one = [] { return 1.0; };
  inputs.value = rows_of(key_rows(), any, one), inputs.gradient = rows_of(rows(), any, one);
  gradient_.assign(inputs.gradient.begin(), inputs.gradient.end());
  const int64_t of_queries[] = {a.batch, a.heads, a.queries}, of_keys[] = {a.batch, a.kv_heads, a.keys};
  query_.place(random_, of_queries, a.width, a.bfloat16 != 0, inputs.query);
  key_.place(random_, of_keys, a.width, a.bfloat16 != 0, inputs.key);
  value_.place(random_, of_keys, a.width, a.bfloat16 != 0, inputs.value);

  draw_gates();
  draw_biases();
  draw_curve();
  a.largest_key_norm = -1;
  if (random_.one_in(2)) {
    double squares = 0;
    for (int64_t row = 0; row < key_rows(); ++row) {
      const double* of = &inputs.key[row * a.width];
      squares = std::max(squares, std::inner_product(of, of + a.width, of, 0.0));
    }
    a.largest_key_norm = std::sqrt(squares) * random_.any_of({1.00001, 1.5});
  }
  if (broken) break_something();
  a.query = query_.tensor, a.key = key_.tensor, a.value = value_.tensor;
  if (a.rule == THRESHOLD_RELATIVE) a.log_forget = log_forget_.data();
  if (a.rule == FORGETTING) a.forgotten = forgotten_.data();
  for (int64_t row = 0; row < rows(); ++row) offset_.push_back(static_cast<float>(10 * random_.uniform() - 8));
  if (a.rule == SIGMOID) a.offset = offset_.data();
  if ((a.rule == FORGETTING || a.rule == DISTANCE_BIAS || a.rule == RELATIVE_BIAS) && random_.one_in(2)) {
    const float height = random_.any_of({1.0f, 10.0f, 80.0f});
    for (int64_t row = 0; row < rows(); ++row)
      sink_.push_back(random_.one_in(20) ? -INFINITY : height * (2 * static_cast<float>(random_.uniform()) - 1));
    a.sink = sink_.data();
  }
  if (!bias_.empty()) a.bias = bias_.data(), a.highest_bias = highest_bias_.data();
  a.gradient = gradient_.data();
}

// Biases with the highest at 0, and for each the highest from there on; what lies around them is never used.
void Case::draw_biases() {
  const Arguments& a = arguments;
  if (a.rule != DISTANCE_BIAS && (a.rule != ENTMAX || random_.one_in(2))) return;
  for (int64_t head = 0; head < a.batch * a.heads; ++head) {
    const double slope = random_.any_of({0.0, 0.1, 1.0, 50.0}), spread = random_.any_of({0.0, 1.0, 60.0});
    std::vector<float> of(a.keys);
    for (int64_t distance = 0; distance < a.keys; ++distance)
      of[distance] = static_cast<float>(spread * random_.uniform() - slope * static_cast<double>(distance));
    const float highest = *std::max_element(of.begin(), of.end());
    for (float& bias : of) bias = random_.one_in(50) ? -INFINITY : bias - highest;
    of[0] = std::max(of[0], -1e3f);  // a query sees its own key
    bias_.insert(bias_.end(), BIAS_MARGIN, NOT_A_NUMBER);
    bias_.insert(bias_.end(), of.begin(), of.end());
    bias_.insert(bias_.end(), BIAS_MARGIN, NOT_A_NUMBER);
    for (int64_t distance = a.keys - 1; distance > 0; --distance)
      of[distance - 1] = std::max(of[distance - 1], of[distance]);
    highest_bias_.insert(highest_bias_.end(), of.begin(), of.end());
    highest_bias_.insert(highest_bias_.end(), BIAS_MARGIN, NOT_A_NUMBER);
  }
}

// A continuous function of relative distance. Distances are eighths and lengths are powers of two, so that no relative
// distance is near a knot, where rounding would choose the segment.
void Case::draw_curve() {
  Arguments& a = arguments;
  if (a.rule != RELATIVE_BIAS) return;
  a.bends = random_.any_of({0, 1, 5, 33});
  for (int64_t batch = 0; batch < a.batch; ++batch) {
    double number = static_cast<double>(random_.below(3)) / 8;
    distance_.insert(distance_.end(), BIAS_MARGIN, static_cast<float>(number));
    for (int64_t key = 0; key < a.keys; ++key, number += static_cast<double>(random_.below(3)) / 8)
      distance_.push_back(static_cast<float>(number));
    distance_.insert(distance_.end(), BIAS_MARGIN, NOT_A_NUMBER);
    for (int64_t query = 0; query < a.queries; ++query) length_.push_back(random_.any_of({1.0f, 2.0f, 16.0f}));
    std::vector<float> knots;
    for (int64_t i = 0; i < a.bends; ++i)
      knots.push_back(static_cast<float>(random_.from_to(-20, 128 * random_.any_of({1, 30}))) / 128 + 1.0f / 256);
    std::sort(knots.begin(), knots.end());
    knots_.insert(knots_.end(), knots.begin(), knots.end());
    for (int64_t head = 0; head < a.heads; ++head) draw_segments(knots, number);
  }
  a.knots = knots_.data(), a.slopes = slopes_.data(), a.intercepts = intercepts_.data(), a.beyond = beyond_.data();
  a.distance = distance_.data(), a.length = length_.data();
}

// The lines between the knots, with the highest value from 0 to `end` at 0, and for each the highest value after it.
void Case::draw_segments(const std::vector<float>& knots, double end) {
  const double steepness = random_.any_of({0.0, 1.0, 20.0});
  std::vector<double> slopes, intercepts{0};
  for (size_t s = 0; s <= knots.size(); ++s) {
    slopes.push_back(static_cast<float>(steepness * (random_.uniform() - 0.6) / (1 + s)));
    if (s > 0) intercepts.push_back(intercepts[s - 1] + (slopes[s - 1] - slopes[s]) * knots[s - 1]);
  }
  const auto at = [&](double x) {
    const size_t s = std::lower_bound(knots.begin(), knots.end(), x) - knots.begin();
    return slopes[s] * x + intercepts[s];
  };
  std::vector<double> beyond(knots.size() + 1, at(end));
  for (size_t s = knots.size(); s-- > 0;) beyond[s] = std::max(beyond[s + 1], at(std::clamp<double>(knots[s], 0, end)));
  const double highest = std::max(at(0), beyond[0]);
  for (size_t s = 0; s <= knots.size(); ++s) {
    slopes_.push_back(static_cast<float>(slopes[s]));
    intercepts_.push_back(static_cast<float>(intercepts[s] - highest));
    beyond_.push_back(static_cast<float>(beyond[s] - highest));
  }
}

// One kind of gate for all rows, or all kinds; and running sums of such gates, over the keys of every head.
void Case::draw_gates() {
  const int64_t gates = random_.below(10);
  const auto gate = [&](float least) {
    const auto fresh = static_cast<float>(-0.2 - random_.uniform());
    const float kinds[] = {0.0f, -0.0f, fresh, -1e-3f, -30.0f, -1e4f, least, -std::numeric_limits<float>::max()};
    return std::max(least, kinds[gates < 8 ? gates : random_.below(8)]);
  };
  for (int64_t row = 0; row < rows(); ++row) log_forget_.push_back(gate(-INFINITY));
  if (gate_above_one) log_forget_[random_.below(rows())] = 0x1p-20f;
  if (arguments.rule != FORGETTING) return;
  for (int64_t head = 0; head < arguments.batch * arguments.heads; ++head) {
    double sum = -1e6 * random_.uniform();  // as after a long text
    for (int64_t key = 0; key < arguments.keys; ++key) forgotten_.push_back(sum += gate(-1e4f));
  }
}

// Puts NaN, infinite and nearly infinite numbers into the inputs.
void Case::break_something() {
  for (int64_t count = random_.from_to(1, 5); count > 0; --count) {
    const float bad = random_.any_of({NOT_A_NUMBER, INFINITY, -INFINITY, 3e38f});
    switch (random_.below(5)) {
      case 0:
        query_.overwrite(random_, bad);
        break;
      case 1:
        key_.overwrite(random_, bad);
        break;
      case 2:
        value_.overwrite(random_, bad);
        break;
      case 3:
        gradient_[random_.below(rows() * arguments.width)] = bad;
        break;
      default:
        log_forget_[random_.below(rows())] = bad > 0 ? NOT_A_NUMBER : bad;
    }
  }
}

void Case::allocate_results() {
  Arguments& a = arguments;
  for (auto* of : {&output, &d_query}) of->assign(rows() * a.width, NOT_A_NUMBER);
  for (auto* of : {&largest, &total, &visited, &d_log_forget, &d_offset, &d_sink}) of->assign(rows(), NOT_A_NUMBER);
  d_forgotten.assign(a.batch * a.heads * a.keys, 0);
  for (auto* of : {&d_key, &d_value}) of->assign(key_rows() * ((a.width + 15) / 16 * 16), 0);
  a.output = output.data(), a.largest = largest.data(), a.total = total.data(), a.visited = visited.data();
  a.d_query = d_query.data(), a.d_key = d_key.data(), a.d_value = d_value.data(), a.d_log_forget = d_log_forget.data();
  a.d_forgotten = d_forgotten.data();
  d_bias.assign(a.batch * a.heads * a.keys, 0), d_distance = d_bias;
  for (auto* of : {&d_slopes, &d_intercepts}) of->assign(a.batch * a.heads * (a.bends + 1), 0);
  d_length.assign(rows(), NOT_A_NUMBER);
  a.d_slopes = d_slopes.data(), a.d_intercepts = d_intercepts.data();
  a.d_distance = d_distance.data(), a.d_length = d_length.data();
  a.d_bias = d_bias.data(), a.d_offset = d_offset.data(), a.d_sink = d_sink.data();
  a.finding = &finding;
}

std::string Case::description() const {
  const Arguments& a = arguments;
  std::ostringstream of;
  of << "rule " << a.rule << ", batch " << a.batch << ", heads " << a.heads << " on " << a.kv_heads << ", queries "
     << a.queries << ", keys " << a.keys << ", width " << a.width << (a.bfloat16 ? ", bfloat16" : ", float32")
     << ", threads " << a.threads << ", numbers: " << kind_ << (broken ? ", some broken" : "")
     << (gate_above_one ? ", a gate above one" : "") << ", limit " << a.limit << ", scale " << a.scale << ", tolerance "
     << a.skip_tolerance << ", norm " << a.largest_key_norm << ", first gate " << log_forget_[0]
     << (a.document ? ", documents" : "") << "; strides " << query_.layout << ", " << key_.layout << ", "
     << value_.layout;
  return of.str();
}
