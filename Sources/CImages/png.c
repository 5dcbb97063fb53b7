// PNG through libpng, for decoding only; see CImages.h.
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "CImages.h"

// What a read needs: the bytes not yet read, and where an error goes.
struct source {
  const uint8_t *next;
  size_t left;
  char *message;
  jmp_buf jump;
};

static void fail(png_structp png, png_const_charp text) {
  struct source *source = png_get_error_ptr(png);
  strncpy(source->message, text, cimages_message_bytes - 1);
  source->message[cimages_message_bytes - 1] = 0;
  longjmp(source->jump, 1);
}

// libpng's warnings are about chunks that do not touch the samples.
static void ignore(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void take(png_structp png, png_bytep into, size_t count) {
  struct source *source = png_get_io_ptr(png);
  if (count > source->left) png_error(png, "the file ends inside the picture");
  memcpy(into, source->next, count);
  source->next += count;
  source->left -= count;
}

// Only what the samples need is parsed: the rest is where old bugs and compressed bombs live.
static const png_byte skipped[] = "cHRM\0gAMA\0iCCP\0sBIT\0sRGB\0bKGD\0hIST\0pHYs\0sPLT\0tIME\0iTXt\0tEXt\0zTXt\0"
                                  "oFFs\0pCAL\0sCAL\0sTER\0eXIf\0tRNS";

static png_structp reader(struct source *source, png_infop *info) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, source, fail, ignore);
  if (!png) return NULL;
  *info = png_create_info_struct(png);
  if (!*info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return NULL;
  }
  return png;
}

static void prepare(png_structp png, png_infop info, struct source *source) {
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, skipped, (int)(sizeof skipped / 5));
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_read_fn(png, source, take);
  png_read_info(png, info);
}

int cimages_png_header(const uint8_t *bytes, size_t count, struct cimages_png *header, char *message) {
  struct source source = {.next = bytes, .left = count, .message = message};
  png_infop info = NULL;
  png_structp png = reader(&source, &info);
  if (!png) return strcpy(message, "no memory for the PNG reader"), 0;
  if (setjmp(source.jump)) {
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
  }
  prepare(png, info, &source);
  memset(header, 0, sizeof *header);
  header->width = png_get_image_width(png, info);
  header->height = png_get_image_height(png, info);
  header->bit_depth = png_get_bit_depth(png, info);
  header->color_type = png_get_color_type(png, info);
  header->interlaced = png_get_interlace_type(png, info) != PNG_INTERLACE_NONE;
  png_colorp palette = NULL;
  int entries = 0;
  if (png_get_PLTE(png, info, &palette, &entries) && entries > 0 && entries <= 256) {
    header->palette_entries = (uint32_t)entries;
    for (int i = 0; i < entries; i++) {
      header->palette[3 * i] = palette[i].red;
      header->palette[3 * i + 1] = palette[i].green;
      header->palette[3 * i + 2] = palette[i].blue;
    }
  }
  // Nothing is asked for rows yet: libpng would allocate one as wide as the header claims.
  png_destroy_read_struct(&png, &info, NULL);
  return 1;
}

int cimages_png_samples(const uint8_t *bytes, size_t count, uint8_t *samples, size_t room, char *message) {
  struct source source = {.next = bytes, .left = count, .message = message};
  png_infop info = NULL;
  png_structp png = reader(&source, &info);
  if (!png) return strcpy(message, "no memory for the PNG reader"), 0;
  if (setjmp(source.jump)) {
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
  }
  prepare(png, info, &source);
  png_set_packing(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t height = png_get_image_height(png, info), row = png_get_rowbytes(png, info);
  if (height == 0 || row != room / height) png_error(png, "rows are of another length than the header said");
  // Passes of an interlaced picture fill in what earlier ones left, so each reads over the same rows.
  for (int pass = 0; pass < passes; pass++)
    for (size_t y = 0; y < height; y++) png_read_row(png, samples + y * row, NULL);
  png_destroy_read_struct(&png, &info, NULL);
  return 1;
}
