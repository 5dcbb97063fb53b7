// Makes system calls fail, or the process die at them, for tests of what is left behind: preloaded into the program
// (LD_PRELOAD), it stands before the C library's calls that concern one folder.
//
//   QUERN_FAULT_ROOT  the folder, without links in its path; calls on other paths and descriptors go through uncounted
//   QUERN_FAULT       what happens, separated by commas: CLASS:N:KIND, at the N-th call of a class, or CLASS:N+:KIND, at that
//                     and every later one. KIND is an errno as a number, `short` (half of what was asked for), `nothing`
//                     (0 bytes), `before` or `after` (the process is killed before or after the call)
//   QUERN_FAULT_LOG   a file to which every counted call is appended, as "CLASS N NAME PATH"
//
// Classes: open, tmpfile, write, read, rename, exchange, link, unlink, mkdir, fsync, ftruncate, fallocate, flock, mmap, list,
// stat, thread. Calls of a class are counted over all threads. Syncing is counted and left out: what is tested is the death of
// the process and not of the machine, and a disk would only make the test slow.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CLASSES = 32, FAULTS = 16 };
enum kind { FAIL, SHORT, NOTHING, BEFORE, AFTER };
struct fault {
  char class[16];
  long from, to;
  enum kind kind;
  int number;
};

static struct fault faults[FAULTS];
static int fault_count;
static char root[PATH_MAX];
static size_t root_length;
static int log_descriptor = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  const char *name;
  long count;
} counters[CLASSES];

// The function of that name behind this one.
#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void prepare(void) {
  // A run that hangs is ended by a signal, which no run may be.
  alarm(300);
  const char *folder = getenv("QUERN_FAULT_ROOT");
  if (!folder) return;
  root_length = strlen(folder);
  if (root_length >= sizeof root) abort();
  memcpy(root, folder, root_length + 1);
  const char *log = getenv("QUERN_FAULT_LOG");
  if (log) log_descriptor = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  const char *text = getenv("QUERN_FAULT");
  while (text && *text) {
    if (fault_count == FAULTS) abort();
    struct fault *fault = &faults[fault_count++];
    char later[2] = "", kind[16];
    int length = 0;
    if (sscanf(text, "%15[^:]:%ld%1[+]:%15[^,]%n", fault->class, &fault->from, later, kind, &length) != 4 &&
        sscanf(text, "%15[^:]:%ld:%15[^,]%n", fault->class, &fault->from, kind, &length) != 3)
      abort();
    fault->to = *later ? LONG_MAX : fault->from;
    if (!strcmp(kind, "short")) fault->kind = SHORT;
    else if (!strcmp(kind, "nothing")) fault->kind = NOTHING;
    else if (!strcmp(kind, "before")) fault->kind = BEFORE;
    else if (!strcmp(kind, "after")) fault->kind = AFTER;
    else fault->kind = FAIL, fault->number = atoi(kind);
    text += length;
    if (*text == ',') text++;
  }
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// What happens at this call; counts and logs it.
static const struct fault *arrive(const char *class, const char *name, const char *path) {
  const struct fault *found = NULL;
  pthread_mutex_lock(&lock);
  int index = 0;
  while (counters[index].name && strcmp(counters[index].name, class)) index++;
  if (index + 1 == CLASSES) abort();
  counters[index].name = class;
  long number = ++counters[index].count;
  if (log_descriptor >= 0) {
    char line[PATH_MAX * 2 + 64];
    int length = snprintf(line, sizeof line, "%s %ld %s %s\n", class, number, name, path);
    if (length > 0 && REAL(write)(log_descriptor, line, (size_t)length) != length) abort();
  }
  for (int at = 0; at < fault_count; at++)
    if (!strcmp(faults[at].class, class) && number >= faults[at].from && number <= faults[at].to) found = &faults[at];
  if (found && found->kind == BEFORE) die();
  pthread_mutex_unlock(&lock);
  return found;
}

static int is_inside(const char *path) {
  return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || path[root_length] == 0);
}

// Whether a path concerns the folder; the path of it, without looking at what is there.
static int concerns(int folder, const char *path, char *whole) {
  if (!root_length || !path) return 0;
  whole[0] = 0;
  if (path[0] != '/') {
    char link[64];
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, whole, PATH_MAX - 1);
    if (length < 0) return 0;
    whole[length] = 0;
    strncat(whole, "/", PATH_MAX - 1 - (size_t)length);
  }
  strncat(whole, path, PATH_MAX - 1 - strlen(whole));
  return is_inside(whole);
}

static int concerns_descriptor(int descriptor, char *whole) {
  if (!root_length || descriptor < 0) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, whole, PATH_MAX - 1);
  if (length < 0) return 0;
  whole[length] = 0;
  return is_inside(whole);
}

// The body of a call: counted when it concerns the folder, failed with `failed`, else made.
#define CALL(type, class, name, path, failed, call)            \
  do {                                                         \
    int before = errno;                                        \
    const struct fault *fault = arrive(class, name, path);     \
    if (fault && fault->kind == FAIL) {                        \
      errno = fault->number;                                   \
      return failed;                                           \
    }                                                          \
    errno = before;                                            \
    type result = call;                                        \
    if (fault && fault->kind == AFTER) die();                  \
    return result;                                             \
  } while (0)

#define ON_PATH(type, class, name, folder, path, failed, ...)                                \
  do {                                                                                       \
    char whole[PATH_MAX];                                                                    \
    if (!concerns(folder, path, whole)) return REAL(name)(__VA_ARGS__);                      \
    CALL(type, class, #name, whole, failed, REAL(name)(__VA_ARGS__));                        \
  } while (0)

#define ON_DESCRIPTOR(type, class, name, descriptor, failed, ...)                            \
  do {                                                                                       \
    char whole[PATH_MAX];                                                                    \
    if (!concerns_descriptor(descriptor, whole)) return REAL(name)(__VA_ARGS__);             \
    CALL(type, class, #name, whole, failed, REAL(name)(__VA_ARGS__));                        \
  } while (0)

// MARK: Opening

static mode_t mode_of(int flags, va_list rest) {
  return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPENING(flags) ((flags & O_TMPFILE) == O_TMPFILE ? "tmpfile" : "open")

#define OPEN(name)                                                           \
  int name(const char *path, int flags, ...) {                               \
    va_list rest;                                                            \
    va_start(rest, flags);                                                   \
    mode_t mode = mode_of(flags, rest);                                      \
    va_end(rest);                                                            \
    ON_PATH(int, OPENING(flags), name, AT_FDCWD, path, -1, path, flags, mode); \
  }
#define OPENAT(name)                                                              \
  int name(int folder, const char *path, int flags, ...) {                        \
    va_list rest;                                                                 \
    va_start(rest, flags);                                                        \
    mode_t mode = mode_of(flags, rest);                                           \
    va_end(rest);                                                                 \
    ON_PATH(int, OPENING(flags), name, folder, path, -1, folder, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int creat(const char *path, mode_t mode) { ON_PATH(int, "open", creat, AT_FDCWD, path, -1, path, mode); }

// MARK: Reading and writing

// Half of a length, in whole blocks where it has some: what a disk gives that takes no more.
static size_t half(size_t count) { return count >= 8192 ? count / 2 / 4096 * 4096 : (count + 1) / 2; }

#define TRANSFER(class, name, descriptor, count, ...)                              \
  char whole[PATH_MAX];                                                            \
  if (!concerns_descriptor(descriptor, whole)) return REAL(name)(__VA_ARGS__);     \
  const struct fault *fault = arrive(class, #name, whole);                         \
  if (fault && fault->kind == FAIL) {                                              \
    errno = fault->number;                                                         \
    return -1;                                                                     \
  }                                                                                \
  if (fault && fault->kind == NOTHING) return 0;                                   \
  if (fault && fault->kind == SHORT) count = half(count);                          \
  ssize_t result = REAL(name)(__VA_ARGS__);                                        \
  if (fault && fault->kind == AFTER) die();                                        \
  return result;

ssize_t write(int descriptor, const void *bytes, size_t count) {
  TRANSFER("write", write, descriptor, count, descriptor, bytes, count)
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  TRANSFER("write", pwrite, descriptor, count, descriptor, bytes, count, offset)
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  TRANSFER("write", pwrite64, descriptor, count, descriptor, bytes, count, offset)
}
ssize_t read(int descriptor, void *bytes, size_t count) {
  TRANSFER("read", read, descriptor, count, descriptor, bytes, count)
}
ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
  TRANSFER("read", pread, descriptor, count, descriptor, bytes, count, offset)
}
ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
  TRANSFER("read", pread64, descriptor, count, descriptor, bytes, count, offset)
}

#define MMAP(name, offset_type)                                                                        \
  void *name(void *address, size_t length, int protection, int flags, int descriptor, offset_type offset) { \
    if (flags & MAP_ANONYMOUS) return REAL(name)(address, length, protection, flags, descriptor, offset); \
    ON_DESCRIPTOR(void *, "mmap", name, descriptor, MAP_FAILED, address, length, protection, flags, descriptor, offset); \
  }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

// MARK: Syncing and room

#define SYNC(name)                                                     \
  int name(int descriptor) {                                           \
    char whole[PATH_MAX];                                              \
    if (!concerns_descriptor(descriptor, whole)) return REAL(name)(descriptor); \
    CALL(int, "fsync", #name, whole, -1, 0);                           \
  }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

int ftruncate(int descriptor, off_t length) {
  ON_DESCRIPTOR(int, "ftruncate", ftruncate, descriptor, -1, descriptor, length);
}
int ftruncate64(int descriptor, off64_t length) {
  ON_DESCRIPTOR(int, "ftruncate", ftruncate64, descriptor, -1, descriptor, length);
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  ON_DESCRIPTOR(int, "fallocate", fallocate, descriptor, -1, descriptor, mode, offset, length);
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  ON_DESCRIPTOR(int, "fallocate", fallocate64, descriptor, -1, descriptor, mode, offset, length);
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  ON_DESCRIPTOR(int, "fallocate", posix_fallocate, descriptor, fault->number, descriptor, offset, length);
}
int flock(int descriptor, int operation) {
  ON_DESCRIPTOR(int, "flock", flock, descriptor, -1, descriptor, operation);
}

// MARK: Names

// Both paths of a call are logged; the second, which is the new name, decides whether it concerns the folder.
#define ON_NAMES(class, name, from_folder, from, to_folder, to, call)          \
  do {                                                                         \
    char whole[PATH_MAX], names[PATH_MAX * 2 + 8];                             \
    if (!concerns(to_folder, to, whole)) return call;                          \
    snprintf(names, sizeof names, "%s -> %s", from, whole);                    \
    CALL(int, class, name, names, -1, call);                                   \
  } while (0)

int rename(const char *from, const char *to) {
  ON_NAMES("rename", "rename", AT_FDCWD, from, AT_FDCWD, to, REAL(rename)(from, to));
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  ON_NAMES("rename", "renameat", from_folder, from, to_folder, to, REAL(renameat)(from_folder, from, to_folder, to));
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  ON_NAMES(flags ? "exchange" : "rename", "renameat2", from_folder, from, to_folder, to,
           REAL(renameat2)(from_folder, from, to_folder, to, flags));
}
int link(const char *from, const char *to) {
  ON_NAMES("link", "link", AT_FDCWD, from, AT_FDCWD, to, REAL(link)(from, to));
}
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  ON_NAMES("link", "linkat", from_folder, from, to_folder, to, REAL(linkat)(from_folder, from, to_folder, to, flags));
}
int symlink(const char *from, const char *to) {
  ON_NAMES("link", "symlink", AT_FDCWD, from, AT_FDCWD, to, REAL(symlink)(from, to));
}
int unlink(const char *path) { ON_PATH(int, "unlink", unlink, AT_FDCWD, path, -1, path); }
int unlinkat(int folder, const char *path, int flags) {
  ON_PATH(int, "unlink", unlinkat, folder, path, -1, folder, path, flags);
}
int rmdir(const char *path) { ON_PATH(int, "unlink", rmdir, AT_FDCWD, path, -1, path); }
int mkdir(const char *path, mode_t mode) { ON_PATH(int, "mkdir", mkdir, AT_FDCWD, path, -1, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) {
  ON_PATH(int, "mkdir", mkdirat, folder, path, -1, folder, path, mode);
}

// System calls that have no function of their own everywhere.
long syscall(long number, ...) {
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int at = 0; at < 6; at++) a[at] = va_arg(rest, long);
  va_end(rest);
#define MADE REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5])
#ifdef SYS_renameat2
  if (number == SYS_renameat2)
    ON_NAMES((unsigned)a[4] ? "exchange" : "rename", "renameat2", (int)a[0], (const char *)a[1], (int)a[2],
             (const char *)a[3], (int)MADE);
#endif
  return MADE;
}

// MARK: Looking

DIR *opendir(const char *path) { ON_PATH(DIR *, "list", opendir, AT_FDCWD, path, NULL, path); }
DIR *fdopendir(int descriptor) { ON_DESCRIPTOR(DIR *, "list", fdopendir, descriptor, NULL, descriptor); }

#define READDIR(name, type)                                                     \
  struct type *name(DIR *list) {                                                \
    ON_DESCRIPTOR(struct type *, "list", name, dirfd(list), NULL, list);        \
  }
READDIR(readdir, dirent)
READDIR(readdir64, dirent64)

int stat(const char *restrict path, struct stat *restrict status) {
  ON_PATH(int, "stat", stat, AT_FDCWD, path, -1, path, status);
}
int lstat(const char *restrict path, struct stat *restrict status) {
  ON_PATH(int, "stat", lstat, AT_FDCWD, path, -1, path, status);
}
int fstat(int descriptor, struct stat *status) {
  ON_DESCRIPTOR(int, "stat", fstat, descriptor, -1, descriptor, status);
}
int fstatat(int folder, const char *restrict path, struct stat *restrict status, int flags) {
  ON_PATH(int, "stat", fstatat, folder, path, -1, folder, path, status, flags);
}
int access(const char *path, int mode) { ON_PATH(int, "stat", access, AT_FDCWD, path, -1, path, mode); }
int statvfs(const char *restrict path, struct statvfs *restrict status) {
  ON_PATH(int, "stat", statvfs, AT_FDCWD, path, -1, path, status);
}
char *realpath(const char *restrict path, char *restrict resolved) {
  ON_PATH(char *, "stat", realpath, AT_FDCWD, path, NULL, path, resolved);
}

// MARK: Threads

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  if (!root_length) return REAL(pthread_create)(thread, attributes, body, argument);
  CALL(int, "thread", "pthread_create", "", fault->number, REAL(pthread_create)(thread, attributes, body, argument));
}
