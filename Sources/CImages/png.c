// PNG through libpng; see CImages.h.
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "CImages.h"

// What a read needs: where it goes on, and where an error goes.
struct cimages_png_rows {
  png_structp png;
  png_infop info;
  cimages_read read;
  void *file;
  uint64_t offset;
  int started;
  char *message;
  jmp_buf jump;
};

static void fail(png_structp png, png_const_charp text) {
  struct cimages_png_rows *rows = png_get_error_ptr(png);
  strncpy(rows->message, text, cimages_message_bytes - 1);
  rows->message[cimages_message_bytes - 1] = 0;
  longjmp(rows->jump, 1);
}

// libpng's warnings are about chunks that do not touch the samples.
static void ignore(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void take(png_structp png, png_bytep into, size_t count) {
  struct cimages_png_rows *rows = png_get_io_ptr(png);
  if (rows->read(rows->file, rows->offset, into, count) != count) png_error(png, "the file ends inside the picture");
  rows->offset += count;
}

// Only what the samples need is parsed: the rest is where old bugs and compressed bombs live.
static const png_byte skipped[] = "cHRM\0gAMA\0iCCP\0sBIT\0sRGB\0bKGD\0hIST\0pHYs\0sPLT\0tIME\0iTXt\0tEXt\0zTXt\0"
                                  "oFFs\0pCAL\0sCAL\0sTER\0eXIf\0tRNS";

static void read_header(struct cimages_png_rows *rows, struct cimages_png *header) {
  png_structp png = rows->png;
  png_infop info = rows->info;
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, skipped, (int)(sizeof skipped / 5));
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_read_fn(png, rows, take);
  png_read_info(png, info);
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
}

struct cimages_png_rows *cimages_png_open(cimages_read read, void *file, struct cimages_png *header, char *message) {
  struct cimages_png_rows *rows = calloc(1, sizeof *rows);
  if (!rows) return strcpy(message, "no memory for the PNG reader"), NULL;
  rows->read = read;
  rows->file = file;
  rows->message = message;
  // Before the library is called at all: it can fail while it sets itself up.
  if (setjmp(rows->jump)) {
    cimages_png_close(rows);
    return NULL;
  }
  rows->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, rows, fail, ignore);
  if (rows->png) rows->info = png_create_info_struct(rows->png);
  if (!rows->info) {
    cimages_png_close(rows);
    return strcpy(message, "no memory for the PNG reader"), NULL;
  }
  read_header(rows, header);
  return rows;
}

int cimages_png_row(struct cimages_png_rows *rows, uint8_t *row, size_t room, char *message) {
  rows->message = message;
  if (setjmp(rows->jump)) return 0;
  if (!rows->started) {
    // Not at opening: the library makes rows as wide as the header claims, which is checked in between.
    png_set_packing(rows->png);
    png_read_update_info(rows->png, rows->info);
    rows->started = 1;
  }
  // Without the library's help for interlaced pictures, which would need the whole picture: rows come pass by pass.
  if (png_get_rowbytes(rows->png, rows->info) != room)
    png_error(rows->png, "rows are of another length than the header said");
  png_read_row(rows->png, row, NULL);
  return 1;
}

void cimages_png_close(struct cimages_png_rows *rows) {
  if (rows->png) png_destroy_read_struct(&rows->png, &rows->info, NULL);
  free(rows);
}

static png_image rgb(uint32_t width, uint32_t height) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  return image;
}

size_t cimages_png_bound(uint32_t width, uint32_t height) {
  // Small copies only: the library's own bound is computed in its types.
  if (width == 0 || height == 0 || width > 4096 || height > 4096) return 0;
  png_image image = rgb(width, height);
  return PNG_IMAGE_PNG_SIZE_MAX(image);
}

size_t cimages_png_write(const uint8_t *samples, uint32_t width, uint32_t height, uint8_t *into, size_t room) {
  if (cimages_png_bound(width, height) == 0) return 0;
  png_image image = rgb(width, height);
  png_alloc_size_t count = room;
  // The library keeps its jumps to itself here.
  int written = png_image_write_to_memory(&image, into, &count, 0, samples, 0, NULL);
  png_image_free(&image);
  return written ? count : 0;
}
