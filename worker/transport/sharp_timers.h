// How precisely the sleeps of a thread end. Called by main and by the threads that keep times.
#pragma once

namespace edgetp {

// Makes the calling thread's sleeps end within a microsecond of the asked time instead of 50, and
// as soon as the kernel can (Linux 6.12 and later) while all cores compute. Threads that it starts
// inherit the latter.
void SharpenTimers();

}  // namespace edgetp
