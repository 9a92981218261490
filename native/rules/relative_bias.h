// Softmax with a bias that is a piecewise linear function of relative distance, as FIRE's (arXiv 2310.04418), and its
// gradient: intercept[s] + slope[s] * x / length, where x is a number of the distance that never falls, length is a
// number of the query, and the segment s is the number of knots up to x / length.
#pragma once

#include "softmax.h"

namespace LENGTHWISE_PATH {

// Lanes are neighbouring queries, as in distance_bias.h. On a walk back distances grow, so that a lane only ever moves
// on to the next segment, which is seldom.
template <int BLOCK>
class RelativeBias : public Defaults {
 public:
  static constexpr bool IN_ORDER = true;

  RelativeBias(const Arguments& a, const Block<BLOCK>& block)
      : a(a),
        slot(block.slot),
        start(block.position[0]),
        end_position(start + BLOCK),
        distances(a.distance + block.batch * (a.keys + 2 * BIAS_MARGIN) + BIAS_MARGIN),
        knots(a.knots + block.batch * a.bends) {
    for (int lane = 0; lane < BLOCK; ++lane) {
      segment[lane] = 0;
      sum[lane] = moment[lane] = d_length[lane] = length[lane] = slope[lane] = intercept[lane] = beyond[lane] = 0;
      next[lane] = INFINITY;
      if (block.row[lane] < 0) continue;
      length[lane] = a.length[block.batch * a.queries + block.row[lane]];
      enter_segment(lane);
      move(lane, distances[0]);
      const float own = -(slope[lane] * distances[0] + intercept[lane]);
      if (!(own <= deepest)) deepest = own == own ? own : INFINITY;
    }
  }

  // Gradients of this block's distances, slopes and intercepts.
  static int64_t spare(const Arguments& a) { return a.keys + 2 * BIAS_MARGIN + 2 * (a.bends + 1); }
  void begin(float* spare) {
    d_slopes = spare, d_intercepts = d_slopes + a.bends + 1;
    d_distances = d_intercepts + a.bends + 1 + BIAS_MARGIN;
    for (int64_t s = 0; s <= a.bends; ++s) d_slopes[s] = d_intercepts[s] = 0;
    for (int64_t distance = -BIAS_MARGIN; distance < end_position; ++distance) d_distances[distance] = 0;
  }

  // How far the bias of a query's own key is below the highest of all, which is 0, in base 2.
  float slack() const { return deepest; }

  template <bool HIDDEN>
  class View {
   public:
    View(RelativeBias& of, const Block<BLOCK>& block, int lane, int64_t tile)
        : sight_(block, lane, tile),
          of_(of),
          lane_(lane),
          distance_(of.start + lane - tile * TILE),
          scale_(broadcast(static_cast<float>(of.a.scale) * LOG2_E)),
          sum_(load(of.sum + lane)),
          moment_(load(of.moment + lane)) {
      read_segments();
    }

    Mask keeps(int key, Lanes product, Lanes* logit) {
      const Lanes x = load(of_.distances + distance_ - key);
      if (const unsigned passed = bits_of(not_at_most(mask_of(~0u), x, before_)); passed) move(passed, x);
      *logit = multiply_add(product, scale_, multiply_add(x, slope_, intercept_));
      return sight_.of(key);
    }
    void learn(int key, Lanes d_logit) {
      const Lanes x = load(of_.distances + distance_ - key);
      sum_ = add(sum_, d_logit), moment_ = multiply_add(d_logit, x, moment_);
      float* to = of_.d_distances + distance_ - key;
      store(to, multiply_add(d_logit, slope_, load(to)));
    }
    void leave() const { store(of_.sum + lane_, sum_), store(of_.moment + lane_, moment_); }

   private:
    void read_segments() {
      slope_ = load(of_.slope + lane_), intercept_ = load(of_.intercept + lane_), before_ = load(of_.next + lane_);
    }
    void move(unsigned passed, Lanes x) {
      alignas(64) float at[WIDTH];
      store(at, x);
      leave();
      for (int i = 0; i < WIDTH; ++i) {
        if (!(passed >> i & 1)) continue;
        if (of_.d_slopes) of_.settle(lane_ + i);
        of_.move(lane_ + i, at[i]);
      }
      sum_ = load(of_.sum + lane_), moment_ = load(of_.moment + lane_);
      read_segments();
    }

    Sight<HIDDEN> sight_;
    RelativeBias& of_;
    int lane_;
    int64_t distance_;
    Lanes scale_, sum_, moment_, slope_, intercept_, before_;
  };

  // The line of a segment up to its end, or what a later segment reaches.
  Lanes most(int lane, int64_t left) const {
    const Lanes x = load(distances + start + lane - (left - 1));
    return maximum(multiply_add(x, load(slope + lane), load(intercept + lane)), load(beyond + lane));
  }
  Mask met(int lane, Lanes reach, float norm, int64_t left, float tolerance, Lanes largest, Lanes total) const {
    return outweighed(reach, norm, most(lane, left), left, tolerance, largest, total);
  }

  // Adds what a block has found to the gradients of its head, after all earlier blocks of the head.
  template <typename Chain>
  void end(Chain& chain) {
    for (int lane = 0; lane < BLOCK; ++lane) settle(lane);
    chain.wait_for_the_block_before();
    float* to = a.d_distance + slot * a.keys;
    for (int64_t distance = 0; distance < smaller(end_position, a.keys); ++distance)
      to[distance] += d_distances[distance] / LOG2_E;
    for (int64_t s = 0, at = slot * (a.bends + 1); s <= a.bends; ++s)
      a.d_slopes[at + s] += d_slopes[s], a.d_intercepts[at + s] += d_intercepts[s];
    chain.end();
  }
  void finish(int lane, int64_t at, float) const { a.d_length[at] = -d_length[lane] / length[lane]; }

 private:
  void enter_segment(int lane) {
    const int64_t s = segment[lane], at = slot * (a.bends + 1) + s;
    slope[lane] = a.slopes[at] * LOG2_E / length[lane];
    intercept[lane] = a.intercepts[at] * LOG2_E;
    beyond[lane] = a.beyond[at] * LOG2_E;
    next[lane] = s < a.bends ? knots[s] * length[lane] : INFINITY;
  }
  void move(int lane, float x) {
    while (x > next[lane]) ++segment[lane], enter_segment(lane);
  }
  // Gives a segment the gradients that a lane has gathered on it.
  void settle(int lane) {
    if (length[lane] == 0) return;  // no query
    const float of_slope = moment[lane] / length[lane];
    d_intercepts[segment[lane]] += sum[lane], d_slopes[segment[lane]] += of_slope;
    d_length[lane] += of_slope * a.slopes[slot * (a.bends + 1) + segment[lane]];
    sum[lane] = moment[lane] = 0;
  }

  const Arguments& a;
  int64_t slot, start, end_position;
  const float *distances, *knots;
  int32_t segment[BLOCK];
  float length[BLOCK], d_length[BLOCK], deepest = 0;
  alignas(64) float slope[BLOCK], intercept[BLOCK], beyond[BLOCK], next[BLOCK], sum[BLOCK], moment[BLOCK];
  float *d_slopes = nullptr, *d_intercepts = nullptr, *d_distances = nullptr;
};

}  // namespace LENGTHWISE_PATH
