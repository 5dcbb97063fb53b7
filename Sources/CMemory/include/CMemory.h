// Ends the program with a sentence when the system gives no more memory.
//
// Swift ends with SIGABRT where an allocation fails, and cannot do otherwise: there is no way back from the middle of an array. So
// the allocator is asked here, and what it refuses is an error of the system like a full disk: one sentence and exit code 74.
// Only the command links this; a library must not decide how its process ends.
#ifndef CMEMORY_H
#define CMEMORY_H

/// From now on, a refused allocation ends the program. `before` is called first; it may neither lock nor allocate.
void cmemory_end_when_refused(void (*before)(void));

#endif
