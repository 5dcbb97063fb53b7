// System calls and flags that Swift does not import: extensions of one system, behind names that every system has.
#ifndef CSYSTEM_H
#define CSYSTEM_H

#include <stdint.h>
#include <sys/types.h>

/// Exchanges what stands under two names, in one step. Returns 0 or an errno: ENOTSUP where the file system cannot.
int csystem_exchange(const char *first, const char *second);

/// Renames, unless the new name is taken. Returns 0 or an errno: EEXIST where it is, ENOTSUP where the file system cannot.
int csystem_rename_new(const char *from, const char *to);

/// Whether something is mounted at a name itself, links not followed: 1 or 0, or -1 where the system does not say.
int csystem_is_mount(const char *path);

/// Opens a file without a name in a folder, for reading and writing. Returns -1 and sets errno, to ENOTSUP where there are none.
int csystem_open_nameless(const char *folder, mode_t mode);

/// Takes room for a file without writing zeros. Returns 0 or an errno: ENOTSUP where the file system cannot.
int csystem_reserve(int descriptor, off_t length);

/// Has writes to a file go past the page cache, or through it. Returns whether they go past it now.
int csystem_set_direct(int descriptor, int wanted);

#endif
