#include "team.h"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace {

// PyTorch's team of threads, if PyTorch uses GNU OpenMP: its idle threads spin for a while, so a second team would
// compete with them for the cores. The library is looked up in the process, so nothing has to be linked.
using Parallel = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);
Parallel team_of_torch() {
  static const auto parallel = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  return parallel;
}

// A forked child has its parent's records of the team but none of the team's threads, and would wait for these threads.
std::atomic<bool> forked{false};
const int watching = pthread_atfork(nullptr, nullptr, [] { forked = true; });

struct Shared {
  const std::function<void(int64_t, int64_t)>& work;
  int64_t tasks;
  std::atomic<int64_t> next{0}, members{0};

  void join() {
    const int64_t member = members++;
    for (int64_t task = next++; task < tasks; task = next++) work(task, member);
  }
};

}  // namespace

void share(int64_t threads, int64_t tasks, double cost, const std::function<void(int64_t, int64_t)>& work) {
  Shared shared{work, tasks};
  constexpr double WORTH_A_THREAD = 1e6;  // multiplications, about ten microseconds
  threads = std::min({threads, tasks, 1 + static_cast<int64_t>(static_cast<double>(tasks) * cost / WORTH_A_THREAD)});
  if (threads <= 1) {
    shared.join();
  } else if (team_of_torch() && !forked && watching == 0) {
    team_of_torch()([](void* of) { static_cast<Shared*>(of)->join(); }, &shared, static_cast<unsigned>(threads), 0);
  } else {
    std::vector<std::thread> others;
    for (int64_t i = 1; i < threads; ++i) others.emplace_back([&] { shared.join(); });
    shared.join();
    for (auto& other : others) other.join();
  }
}
