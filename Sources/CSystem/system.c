#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>

// Their values are part of the kernel's interface; not every C library's headers have them.
enum { FLAG_NOREPLACE = 1, FLAG_EXCHANGE = 2, ATTRIBUTE_MOUNT_ROOT = 0x2000 };

static int rename_with(const char *from, const char *to, unsigned flags) {
#if defined(__GLIBC__)
  int result = renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
#else
  long result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
#endif
  if (result == 0) return 0;
  // The file system has no such flag, or the kernel no such call.
  return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? ENOTSUP : errno;
}

int csystem_exchange(const char *first, const char *second) { return rename_with(first, second, FLAG_EXCHANGE); }
int csystem_rename_new(const char *from, const char *to) { return rename_with(from, to, FLAG_NOREPLACE); }

int csystem_is_mount(const char *path) {
  struct statx status;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &status) != 0) return -1;
  if (!(status.stx_attributes_mask & ATTRIBUTE_MOUNT_ROOT)) return -1;
  return (status.stx_attributes & ATTRIBUTE_MOUNT_ROOT) != 0;
}

int csystem_open_nameless(const char *folder, mode_t mode) {
  int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  // A kernel that does not know the flag takes it for a folder that is to be written; EINVAL is a file system's no.
  if (descriptor < 0 && (errno == EISDIR || errno == EINVAL || errno == EOPNOTSUPP)) errno = ENOTSUP;
  return descriptor;
}

int csystem_reserve(int descriptor, off_t length) {
  // posix_fallocate would write zeros where a file system cannot reserve.
  if (fallocate(descriptor, 0, 0, length) == 0) return 0;
  return errno == EOPNOTSUPP || errno == ENOSYS ? ENOTSUP : errno;
}

int csystem_set_direct(int descriptor, int wanted) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return 0;
  return fcntl(descriptor, F_SETFL, wanted ? flags | O_DIRECT : flags & ~O_DIRECT) == 0 && wanted;
}

#else

static int rename_with(const char *from, const char *to, unsigned flags) {
#if defined(__APPLE__)
  if (renamex_np(from, to, flags) == 0) return 0;
  return errno == EINVAL ? ENOTSUP : errno;
#else
  (void)from, (void)to, (void)flags;
  return ENOTSUP;
#endif
}

#if defined(__APPLE__)
int csystem_exchange(const char *first, const char *second) { return rename_with(first, second, RENAME_SWAP); }
int csystem_rename_new(const char *from, const char *to) { return rename_with(from, to, RENAME_EXCL); }
#else
int csystem_exchange(const char *first, const char *second) { return rename_with(first, second, 0); }
int csystem_rename_new(const char *from, const char *to) { return rename_with(from, to, 0); }
#endif

int csystem_is_mount(const char *path) {
  (void)path;
  return -1;
}

int csystem_open_nameless(const char *folder, mode_t mode) {
  (void)folder, (void)mode;
  errno = ENOTSUP;
  return -1;
}

int csystem_reserve(int descriptor, off_t length) {
  (void)descriptor, (void)length;
  return ENOTSUP;
}

int csystem_set_direct(int descriptor, int wanted) {
  (void)descriptor, (void)wanted;
  return 0;
}

#endif
