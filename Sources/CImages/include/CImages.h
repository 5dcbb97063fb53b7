// Samples out of PNG and JPEG bytes, with the libraries' longjmp kept on this side.
//
// libpng and libjpeg report an error by calling back and jumping out of their own frames with longjmp. Swift has no
// setjmp, and a jump across Swift frames is undefined, so every call that can jump is made here and comes back as a
// result and a sentence. What the samples mean (palette, alpha, 16 bits, CMYK) is decided in Swift.
#ifndef CIMAGES_H
#define CIMAGES_H

#include <stddef.h>
#include <stdint.h>

enum { cimages_message_bytes = 200 };

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
  uint8_t progressive, arithmetic;
};

/// Reads a PNG up to its first pixel. Returns 1, or 0 with a sentence in `message`.
int cimages_png_header(const uint8_t *bytes, size_t count, struct cimages_png *header, char *message);

/// Writes the samples as stored, top row first: bytes for depths up to 8 (unscaled), big-endian pairs for 16.
/// `room` is height * width * channels * bytes of a sample. Returns 1, or 0 with a sentence in `message`.
int cimages_png_samples(const uint8_t *bytes, size_t count, uint8_t *samples, size_t room, char *message);

/// Reads a JPEG up to its first scan. Returns 1, or 0 with a sentence in `message`.
int cimages_jpeg_header(const uint8_t *bytes, size_t count, struct cimages_jpeg *header, char *message);

/// Writes the samples, `components` bytes a pixel, top row first; more than `scan_limit` scans are refused. `samples`
/// has room for height * width * components. Returns 1, or 0 with a sentence in `message`.
int cimages_jpeg_samples(const uint8_t *bytes, size_t count, uint8_t *samples, size_t room, int scan_limit,
                         char *message);

#endif
