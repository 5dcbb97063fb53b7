// JPEG through libjpeg-turbo, for decoding only; see CImages.h.
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "CImages.h"

// The library's error manager first, so that a pointer to it is a pointer to this.
struct failure {
  struct jpeg_error_mgr manager;
  char *message;
  jmp_buf jump;
};

struct watch {
  struct jpeg_progress_mgr manager;
  int scan_limit;
};

static void refuse(j_common_ptr info, const char *text) {
  struct failure *failure = (struct failure *)info->err;
  strncpy(failure->message, text, cimages_message_bytes - 1);
  failure->message[cimages_message_bytes - 1] = 0;
  longjmp(failure->jump, 1);
}

static void fail(j_common_ptr info) {
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  refuse(info, text);
}

// Warnings are about damage that the library repairs as best it can, as the reference lets it.
static void warn(j_common_ptr info, int level) {
  (void)info;
  (void)level;
}

static void silence(j_common_ptr info) { (void)info; }

// A progressive file may hold thousands of scans of a few bytes, each costing a pass over the whole picture.
static void watch(j_common_ptr info) {
  const struct watch *watch = (const struct watch *)info->progress;
  if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > watch->scan_limit)
    refuse(info, "the picture has more scans than any encoder makes");
}

// Bytes of the file that are held at a time.
enum { window_bytes = 1 << 16 };

struct source {
  struct jpeg_source_mgr manager;
  cimages_read read;
  void *file;
  uint64_t offset;
  uint8_t window[window_bytes];
};

struct cimages_jpeg_rows {
  struct jpeg_decompress_struct info;
  struct failure failure;
  struct source source;
  struct watch progress;
  int started;
};

static void begin(j_decompress_ptr info) { (void)info; }

static boolean fill(j_decompress_ptr info) {
  struct source *source = (struct source *)info->src;
  size_t count = source->read(source->file, source->offset, source->window, window_bytes);
  // libjpeg's own sources pad a short file with an end marker; a picture with a grey foot is not an answer.
  if (count == 0) refuse((j_common_ptr)info, "the file ends inside the picture");
  source->offset += count;
  source->manager.next_input_byte = source->window;
  source->manager.bytes_in_buffer = count;
  return TRUE;
}

static void skip(j_decompress_ptr info, long count) {
  struct source *source = (struct source *)info->src;
  if (count <= 0) return;
  size_t inside = source->manager.bytes_in_buffer;
  if ((size_t)count > inside) {
    source->offset += (size_t)count - inside;
    source->manager.bytes_in_buffer = 0;
  } else {
    source->manager.next_input_byte += count;
    source->manager.bytes_in_buffer -= (size_t)count;
  }
}

static void read_header(struct cimages_jpeg_rows *rows, struct cimages_jpeg *header) {
  struct jpeg_decompress_struct *info = &rows->info;
  jpeg_create_decompress(info);
  rows->source.manager.init_source = begin;
  rows->source.manager.fill_input_buffer = fill;
  rows->source.manager.skip_input_data = skip;
  rows->source.manager.resync_to_restart = jpeg_resync_to_restart;
  rows->source.manager.term_source = begin;
  info->src = &rows->source.manager;
  jpeg_read_header(info, TRUE);
  switch (info->num_components) {
    case 1: info->out_color_space = JCS_GRAYSCALE; break;
    case 3: info->out_color_space = JCS_RGB; break;
    case 4: info->out_color_space = JCS_CMYK; break;
    default: refuse((j_common_ptr)info, "only pictures of one, three or four components are known");
  }
  memset(header, 0, sizeof *header);
  header->width = info->image_width;
  header->height = info->image_height;
  header->components = (uint8_t)info->num_components;
  header->arithmetic = info->arith_code != 0;
}

struct cimages_jpeg_rows *cimages_jpeg_open(cimages_read read, void *file, struct cimages_jpeg *header,
                                            char *message) {
  struct cimages_jpeg_rows *rows = calloc(1, sizeof *rows);
  if (!rows) return strcpy(message, "no memory for the JPEG reader"), NULL;
  rows->source.read = read;
  rows->source.file = file;
  rows->info.err = jpeg_std_error(&rows->failure.manager);
  rows->failure.manager.error_exit = fail;
  rows->failure.manager.emit_message = warn;
  rows->failure.manager.output_message = silence;
  rows->failure.message = message;
  if (setjmp(rows->failure.jump)) {
    cimages_jpeg_close(rows);
    return NULL;
  }
  read_header(rows, header);
  return rows;
}

int cimages_jpeg_row(struct cimages_jpeg_rows *rows, uint8_t *row, size_t room, int scan_limit, char *message) {
  struct jpeg_decompress_struct *info = &rows->info;
  rows->failure.message = message;
  if (setjmp(rows->failure.jump)) return 0;
  if (!rows->started) {
    rows->progress.manager.progress_monitor = watch;
    rows->progress.scan_limit = scan_limit;
    info->progress = &rows->progress.manager;
    // The slow integer transform and smooth chroma upsampling are the defaults, and what the reference uses.
    jpeg_start_decompress(info);
    rows->started = 1;
  }
  if ((size_t)info->output_width * (size_t)info->output_components != room)
    refuse((j_common_ptr)info, "rows are of another length than the header said");
  if (info->output_scanline >= info->output_height)
    refuse((j_common_ptr)info, "the picture is smaller than its header said");
  JSAMPROW into = row;
  jpeg_read_scanlines(info, &into, 1);
  return 1;
}

void cimages_jpeg_close(struct cimages_jpeg_rows *rows) {
  jpeg_destroy_decompress(&rows->info);
  free(rows);
}
