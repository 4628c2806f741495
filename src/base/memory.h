#pragma once
// What the C library's allocator keeps of freed memory. Thread-safe.

namespace carnet {

// Once at the start of the program: a block of a megabyte or more is the system's own again as soon
// as it is freed. glibc by itself raises that mark to 32 MiB with the first such block, and from
// then on a report of ninety megabytes leaves holes that only grow.
void set_up_memory();

// Gives back what is free between blocks that stay; milliseconds, so only after large work.
void give_back_memory();

// Gives back at the end of its block whatever was freed in it, if it was said to be large.
class LargeWork {
 public:
  LargeWork() = default;
  LargeWork(const LargeWork&) = delete;
  LargeWork& operator=(const LargeWork&) = delete;
  ~LargeWork() {
    if (large_) give_back_memory();
  }
  void is_large(bool large) { large_ = large_ || large; }

 private:
  bool large_ = false;
};

}  // namespace carnet
