// The backward pass: the same walk, with the weights computed again by the same rule.
//
// For a rule that is TWICE (forward.h), a first walk keeps what the products become, and sum(...) gathers what the
// second walk's weigh(...) needs to know of all keys.
#pragma once

#include <sched.h>

#include <atomic>
#include <cmath>

#include "block.h"

namespace LENGTHWISE_PATH {

// Gradients of keys and values are sums over the queries, and the same sums to the bit on any number of threads: a
// block adds to a tile of keys only after all earlier blocks in the chain of that head have added to it. Since the
// blocks of a chain start in order and walk the same way, hardly any block has to wait.
class Chain {
 public:
  // `passed` holds for each task of a call the oldest tile that the task has added to; task t follows task t - stride.
  Chain(std::atomic<int32_t>* passed, int64_t stride, int64_t task)
      : passed_(passed), stride_(stride), task_(task), first_(task % stride) {}

  void wait(int64_t tile) {
    while (first_ < task_ && passed_[first_].load(std::memory_order_acquire) <= 0) first_ += stride_;
    for (int64_t before = first_; before < task_; before += stride_)
      for (int spins = 0; passed_[before].load(std::memory_order_acquire) > tile; ++spins)
        if (spins > 1000) sched_yield();
  }
  // The block before has waited for the one before it, and so on.
  void wait_for_the_block_before() const {
    const int64_t before = task_ - stride_;
    for (int spins = 0; before >= 0 && passed_[before].load(std::memory_order_acquire) != ENDED; ++spins)
      if (spins > 1000) sched_yield();
  }
  void end() { pass(ENDED); }
  void pass(int64_t tile) { passed_[task_].store(static_cast<int32_t>(tile), std::memory_order_release); }

 private:
  static constexpr int32_t ENDED = -1;
  std::atomic<int32_t>* passed_;
  int64_t stride_, task_, first_;
};

template <int BLOCK, typename Rule>
class Backward {
 public:
  Backward(const Arguments& arguments, std::atomic<int32_t>* passed) : a_(arguments), passed_(passed) {}

  static int64_t scratch(const Arguments& a) {
    const int64_t kept = Rule::TWICE ? (a.keys + TILE - 1) / TILE : 1;
    return padded(a.width) * (5 * BLOCK + 2 * TILE) + Rule::spare(a) + 2 * BLOCK * TILE * kept;
  }

  static int64_t tasks(const Arguments& a) { return a.batch * a.heads * Block<BLOCK>::count(a); }

  void run(int64_t task, float* scratch) const {
    const int64_t chains = a_.batch * a_.kv_heads, group = a_.heads / a_.kv_heads;
    const int64_t chain = task % chains, turn = task / chains;
    const int64_t slot = chain / a_.kv_heads * a_.heads + chain % a_.kv_heads * group + turn % group;
    const int64_t start = slot * a_.queries;
    Block<BLOCK> block(a_, slot, turn / group, [&](int64_t row) {
      if (Rule::IN_ORDER) return 0.0f;
      return a_.total[start + row] == 0 ? INFINITY : 1 / a_.visited[start + row];
    });
    State state(a_, block, Chain(passed_, chains, task), scratch);
    if constexpr (Rule::TWICE) {
      for (int64_t tile = block.newest; tile >= 0 && state.open(tile); --tile) state.sum(tile);
    }
    for (int64_t tile = block.newest; tile >= 0 && state.open(tile); --tile) state.visit(tile);
    state.finish();
  }

 private:
  static constexpr int GROUPS = BLOCK / GROUP;

  struct State {
    State(const Arguments& a, Block<BLOCK>& block, Chain chain, float* scratch)
        : a(a),
          block(block),
          chain(chain),
          width(padded(a.width)),
          key(a.key, a, block.batch, block.kv_head),
          value(a.value, a, block.batch, block.kv_head),
          rule(a, block),
          query_columns(scratch),
          gradient_columns(query_columns + BLOCK * width),
          query_rows(gradient_columns + BLOCK * width),
          gradient_rows(query_rows + BLOCK * width),
          d_query(gradient_rows + BLOCK * width),
          key_tile(d_query + BLOCK * width),
          value_tile(key_tile + TILE * width),
          kept(value_tile + TILE * width + Rule::spare(a)) {
      const int64_t head_start = (block.batch * a.kv_heads + block.kv_head) * a.keys * width;
      rule.begin(value_tile + TILE * width);
      d_key = a.d_key + head_start, d_value = a.d_value + head_start;
      const Rows query(a.query, a, block.batch, block.head);
      const Rows gradient(a.gradient + block.slot * a.queries * a.width, a.width);
      const Rows output(a.output + block.slot * a.queries * a.width, a.width);
      for (int lane = 0; lane < BLOCK; ++lane) {
        const int64_t row = block.row[lane], at = row < 0 ? 0 : block.at(lane);
        const float factor = rule.start(lane, at);
        last[lane] = factor != 0 ? block.position[lane] / TILE - static_cast<int32_t>(a.visited[at]) + 1 : INT32_MAX;
        const Lanes by = broadcast(factor);
        const Lanes scale = broadcast(static_cast<float>(a.scale));
        Lanes sum = broadcast(0);
        for (int64_t d = 0; d < width; d += WIDTH) {
          const Lanes g = row < 0 ? broadcast(0) : multiply(gradient.lanes(row, d), by);
          if (row >= 0) sum = multiply_add(g, output.lanes(row, d), sum);
          store(gradient_rows + lane * width + d, g);
          store(query_rows + lane * width + d, row < 0 ? broadcast(0) : multiply(query.lanes(row, d), scale));
          store(d_query + lane * width + d, broadcast(0));
        }
        inner[lane] = sum_of(sum);
      }
      const Rows scaled(gradient_rows, width);
      int64_t lanes[GROUP];
      for (int g = 0; g < GROUPS; ++g) {
        for (int i = 0; i < GROUP; ++i) lanes[i] = g * GROUP + i;
        pack_columns(query, block.row + g * GROUP, query_columns + g * GROUP * width);
        pack_columns(scaled, lanes, gradient_columns + g * GROUP * width);
      }
    }

    // Finds the lanes that walk over this tile, and the number of groups up to the last group with such a lane.
    bool open(int64_t tile) {
      active = 0;
      for (int g = 0; g < GROUPS; ++g) {
        block.open[g] = 0;
        for (int i = 0; i < GROUP; ++i) block.open[g] |= static_cast<unsigned>(last[g * GROUP + i] <= tile) << i;
        if (block.open[g]) active = g + 1;
      }
      return active > 0;
    }

    // The first walk, for rules that are TWICE.
    void sum(int64_t tile) {
      take_products(tile);
      for (int g = 0; g < active; ++g) {
        const int seen = block.seen(g, tile);
        clear(g, seen);
        if (block.hides(g, tile))
          rule.template sum<true>(g, tile, seen, of_group(weights, g), of_group(d_logits, g));
        else
          rule.template sum<false>(g, tile, seen, of_group(weights, g), of_group(d_logits, g));
      }
    }

    void visit(int64_t tile) {
      if (Rule::TWICE)
        place(tile);
      else
        take_products(tile);
      const float* keys = tile_of(key, tile * TILE, a.keys, key_tile);
      bool any = false;
      for (int g = 0; g < active; ++g) {
        const int seen = block.seen(g, tile);
        if (!Rule::TWICE) clear(g, seen);
        if (!weigh(g, tile, seen)) continue;
        add_products({of_group(d_logits, g), 1, GROUP, seen, 1, 0}, GROUP, keys, width, d_query + g * GROUP * width);
        any = true;
      }
      if (any) add_to_keys(tile);
      chain.pass(tile);
    }

    void add_to_keys(int64_t tile) {
      const int rows = static_cast<int>(smaller<int64_t>(TILE, a.keys - tile * TILE));
      const int64_t at = tile * TILE * width;
      chain.wait(tile);
      add_products({weights, GROUP, 1, GROUP, active, GROUP * TILE}, rows, gradient_rows, width, d_value + at);
      add_products({d_logits, GROUP, 1, GROUP, active, GROUP * TILE}, rows, query_rows, width, d_key + at);
      rule.to_keys(d_logits, active, tile, rows);
    }

    // Chooses the memory for the products of a tile.
    void place(int64_t tile) {
      weights = kept + (Rule::TWICE ? tile : 0) * 2 * BLOCK * TILE;
      d_logits = weights + BLOCK * TILE;
    }
    static float* of_group(float* of, int group) { return of + group * GROUP * TILE; }

    // Products of queries and keys, and of gradients and values.
    void take_products(int64_t tile) {
      place(tile);
      rule.enter(tile);
      const float* keys = tile_of(key, tile * TILE, a.keys, key_tile);
      const float* values = tile_of(value, tile * TILE, a.keys, value_tile);
      for (int g = 0; g < active; g += 2) {
        const float *queries[2], *gradients[2];
        float *products_of[2], *d_weights[2];
        for (int i = 0; i < 2; ++i) {
          queries[i] = query_columns + (g + i) * GROUP * width, products_of[i] = of_group(weights, g + i);
          gradients[i] = gradient_columns + (g + i) * GROUP * width, d_weights[i] = of_group(d_logits, g + i);
        }
        if (g + 1 < active) {
          const int seen = larger(block.seen(g, tile), block.seen(g + 1, tile));
          products<2>(keys, seen, width, queries, products_of);
          products<2>(values, seen, width, gradients, d_weights);
        } else {
          products<1>(keys, block.seen(g, tile), width, queries, products_of);
          products<1>(values, block.seen(g, tile), width, gradients, d_weights);
        }
      }
    }

    // Keys beyond those that a group may see weigh nothing.
    void clear(int group, int seen) {
      for (int at = larger(seen, 0) * GROUP; at < TILE * GROUP; at += WIDTH) {
        store(of_group(weights, group) + at, broadcast(0));
        store(of_group(d_logits, group) + at, broadcast(0));
      }
    }

    // Turns products into weights, and gradients of weights into gradients of logits, in place. Returns false if all
    // weights are known to be 0.
    bool weigh(int group, int64_t tile, int seen) {
      return block.hides(group, tile) ? weigh<true>(group, tile, seen) : weigh<false>(group, tile, seen);
    }
    template <bool HIDDEN>
    bool weigh(int group, int64_t tile, int seen) {
      float *to = of_group(weights, group), *d = of_group(d_logits, group);
      if constexpr (Rule::TWICE) return rule.template weigh<HIDDEN>(group, tile, seen, inner, to, d);
      rule.template weigh<HIDDEN>(group, tile, seen, inner, to, d);
      return true;
    }

    void finish() {
      chain.pass(0);
      rule.end(chain);
      for (int lane = 0; lane < BLOCK; ++lane) {
        if (block.row[lane] < 0) continue;
        const int64_t at = block.at(lane);
        const float scale = static_cast<float>(a.scale);
        write_row(d_query + lane * width, scale, a, a.d_query + at * a.width);
        rule.finish(lane, at, inner[lane]);
      }
    }

    const Arguments& a;
    Block<BLOCK>& block;
    Chain chain;
    const int64_t width;
    const Rows key, value;
    Rule rule;
    float *query_columns, *gradient_columns, *query_rows, *gradient_rows, *d_query, *key_tile, *value_tile;
    float *kept, *weights, *d_logits;  // of a tile: [group][key of the tile][lane]
    float *d_key, *d_value;
    int active = 0;
    alignas(64) float inner[BLOCK];
    int32_t last[BLOCK];
  };

  const Arguments& a_;
  std::atomic<int32_t>* passed_;
};

}  // namespace LENGTHWISE_PATH
