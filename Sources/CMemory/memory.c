#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CMemory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

// A sanitizer has an allocator of its own, which says more.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)

static _Atomic(void (*)(void)) before_end;
static atomic_flag is_ending = ATOMIC_FLAG_INIT;

static size_t mebibytes(size_t bytes) { return bytes / 1048576 + (bytes % 1048576 != 0); }

/// The bytes of address space that are taken; 0 where the system does not say.
static size_t used(void) {
  char text[64] = "";
  int descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  ssize_t count = read(descriptor, text, sizeof text - 1);
  close(descriptor);
  return count > 0 ? (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static void end(size_t wanted) {
  void (*before)(void) = atomic_load(&before_end);
  if (!before) return;
  // Several threads may be refused at once; one of them says so.
  while (atomic_flag_test_and_set(&is_ending)) pause();
  before();
  struct rlimit limit;
  const char *name = NULL;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) name = "address space (ulimit -v)";
  else if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) name = "memory (ulimit -d)";
  char text[320];
  int length;
  if (name) {
    length = snprintf(text, sizeof text,
                      "quern: error: the limit on %s, %zu MiB, is too low: %zu MiB are in use and %zu MiB more are needed; "
                      "raise it, or use fewer --threads\n",
                      name, (size_t)limit.rlim_cur / 1048576, mebibytes(used()), mebibytes(wanted));
  } else {
    length = snprintf(text, sizeof text,
                      "quern: error: the system gives no more memory: %zu MiB are in use and %zu MiB more are needed; "
                      "free some, or use fewer --threads\n",
                      mebibytes(used()), mebibytes(wanted));
  }
  ssize_t written = write(STDERR_FILENO, text, (size_t)length);
  (void)written;
  _exit(74);
}

void cmemory_end_when_refused(void (*before)(void)) { atomic_store(&before_end, before); }

// The C library's own functions, under the names it gives to those who stand before them.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t count) {
  void *memory = __libc_malloc(count);
  if (!memory) end(count);
  return memory;
}

void *calloc(size_t count, size_t each) {
  void *memory = __libc_calloc(count, each);
  size_t bytes;
  if (!memory) end(__builtin_mul_overflow(count, each, &bytes) ? SIZE_MAX : bytes);
  return memory;
}

void *realloc(void *old, size_t count) {
  void *memory = __libc_realloc(old, count);
  // Of nothing, it frees.
  if (!memory && count > 0) end(count);
  return memory;
}

void *memalign(size_t alignment, size_t count) {
  void *memory = __libc_memalign(alignment, count);
  if (!memory && errno == ENOMEM) end(count);
  return memory;
}

void *aligned_alloc(size_t alignment, size_t count) { return memalign(alignment, count); }

int posix_memalign(void **memory, size_t alignment, size_t count) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  int before = errno;
  void *result = memalign(alignment, count);
  errno = before;
  if (!result) return ENOMEM;
  *memory = result;
  return 0;
}

#else

void cmemory_end_when_refused(void (*before)(void)) { (void)before; }

#endif
