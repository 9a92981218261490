// Work shared among threads.
#pragma once

#include <cstdint>
#include <functional>

// Calls work(task, member) for every task below `tasks`, on at most `threads` threads; members count from 0. Tasks
// start in order. `cost` is roughly the number of multiplications in a task; little work in total stays on one thread.
// No exception may leave `work`.
void share(int64_t threads, int64_t tasks, double cost, const std::function<void(int64_t task, int64_t member)>& work);
