// Work shared among threads.
#pragma once

#include <cstdint>
#include <functional>

// Calls work(task, member) for every task below `tasks`, on at most `threads` threads; members count from 0. Tasks are
// begun in order. `cost` is about the number of multiplications in a task: what is little in all stays on one thread.
// An exception must not leave `work`.
void share(int64_t threads, int64_t tasks, double cost, const std::function<void(int64_t task, int64_t member)>& work);
