// Rows of samples out of PNG and JPEG files, with the libraries' longjmp kept on this side.
//
// libpng and libjpeg report an error by calling back and jumping out of their own frames with longjmp. Swift has no
// setjmp, and a jump across Swift frames is undefined, so every call that can jump is made here and comes back as a
// result and a sentence. What the samples mean (palette, alpha, 16 bits, CMYK) is decided in Swift.
//
// Files and pictures are never held whole: bytes are asked for piece by piece, and rows are handed over one by one.
#ifndef CIMAGES_H
#define CIMAGES_H

#include <stddef.h>
#include <stdint.h>

enum { cimages_message_bytes = 200 };

/// Where the bytes of a file come from: copies up to `count` of them, from `offset` on, and returns how many; fewer only
/// at the end. Must return: no jump passes through it.
typedef size_t (*cimages_read)(void *file, uint64_t offset, uint8_t *into, size_t count);

/// What the header of a PNG says, and its palette.
struct cimages_png {
  uint32_t width, height;
  uint8_t bit_depth, color_type, interlaced;
  uint32_t palette_entries;
  uint8_t palette[768];
};

/// What the header of a JPEG says.
struct cimages_jpeg {
  uint32_t width, height;
  uint8_t components;  // of the output: 1 grey, 3 RGB, 4 CMYK as stored
  uint8_t arithmetic;
};

struct cimages_png_rows;
struct cimages_jpeg_rows;

/// Reads a PNG up to its first pixel. Returns NULL with a sentence in `message` for what is none.
struct cimages_png_rows *cimages_png_open(cimages_read read, void *file, struct cimages_png *header, char *message);

/// Reads the next row of samples as stored: bytes for depths up to 8 (unscaled), big-endian pairs for 16. Rows of an
/// interlaced picture are those of its passes, empty ones left out. `row` has room for a row of the whole picture,
/// width * channels * bytes of a sample. Returns 1, or 0 with a sentence in `message`, after which only close may follow.
int cimages_png_row(struct cimages_png_rows *rows, uint8_t *row, size_t room, char *message);

void cimages_png_close(struct cimages_png_rows *rows);

/// Bytes that a PNG of 8-bit RGB samples takes at most; 0 where that is not a length.
size_t cimages_png_bound(uint32_t width, uint32_t height);

/// Writes a PNG of 8-bit RGB samples, rows one after the other. Returns its length, or 0 where it does not fit or cannot be made.
size_t cimages_png_write(const uint8_t *samples, uint32_t width, uint32_t height, uint8_t *into, size_t room);

/// Reads a JPEG up to its first scan. Returns NULL with a sentence in `message` for what is none.
struct cimages_jpeg_rows *cimages_jpeg_open(cimages_read read, void *file, struct cimages_jpeg *header, char *message);

/// Reads the next row, `components` bytes a pixel; more than `scan_limit` scans are refused. `row` has room for
/// width * components. Returns 1, or 0 with a sentence in `message`, after which only close may follow.
int cimages_jpeg_row(struct cimages_jpeg_rows *rows, uint8_t *row, size_t room, int scan_limit, char *message);

void cimages_jpeg_close(struct cimages_jpeg_rows *rows);

#endif
