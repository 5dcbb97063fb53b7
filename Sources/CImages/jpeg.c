// JPEG through libjpeg-turbo, for decoding only; see CImages.h.
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
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

// The memory source pads a short file with an end marker and a warning; a picture with a grey foot is no answer.
// Other warnings are about damage that the library repairs as best it can, as the reference lets it.
static void warn(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) refuse(info, "the file ends inside the picture");
}

static void silence(j_common_ptr info) { (void)info; }

// A progressive file may hold thousands of scans of a few bytes, each costing a pass over the whole picture.
static void watch(j_common_ptr info) {
  const struct watch *watch = (const struct watch *)info->progress;
  if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > watch->scan_limit)
    refuse(info, "the picture has more scans than any encoder makes");
}

static void start(struct jpeg_decompress_struct *info, struct failure *failure, char *message) {
  memset(info, 0, sizeof *info);
  info->err = jpeg_std_error(&failure->manager);
  failure->manager.error_exit = fail;
  failure->manager.emit_message = warn;
  failure->manager.output_message = silence;
  failure->message = message;
}

static void prepare(struct jpeg_decompress_struct *info, const uint8_t *bytes, size_t count) {
  jpeg_create_decompress(info);
  jpeg_mem_src(info, bytes, (unsigned long)count);
  jpeg_read_header(info, TRUE);
  switch (info->num_components) {
    case 1: info->out_color_space = JCS_GRAYSCALE; break;
    case 3: info->out_color_space = JCS_RGB; break;
    case 4: info->out_color_space = JCS_CMYK; break;
    default: refuse((j_common_ptr)info, "only pictures of one, three or four components are known");
  }
}

int cimages_jpeg_header(const uint8_t *bytes, size_t count, struct cimages_jpeg *header, char *message) {
  struct jpeg_decompress_struct info;
  struct failure failure;
  start(&info, &failure, message);
  if (setjmp(failure.jump)) {
    jpeg_destroy_decompress(&info);
    return 0;
  }
  prepare(&info, bytes, count);
  memset(header, 0, sizeof *header);
  header->width = info.image_width;
  header->height = info.image_height;
  header->components = (uint8_t)info.num_components;
  header->progressive = info.progressive_mode != 0;
  header->arithmetic = info.arith_code != 0;
  jpeg_destroy_decompress(&info);
  return 1;
}

int cimages_jpeg_samples(const uint8_t *bytes, size_t count, uint8_t *samples, size_t room, int scan_limit,
                         char *message) {
  struct jpeg_decompress_struct info;
  struct failure failure;
  struct watch progress = {{watch, 0, 0, 0, 0}, scan_limit};
  start(&info, &failure, message);
  if (setjmp(failure.jump)) {
    jpeg_destroy_decompress(&info);
    return 0;
  }
  prepare(&info, bytes, count);
  info.progress = &progress.manager;
  // The slow integer transform and smooth chroma upsampling are the defaults, and what the reference uses.
  jpeg_start_decompress(&info);
  size_t row = (size_t)info.output_width * (size_t)info.output_components;
  if (row == 0 || room / row < info.output_height)
    refuse((j_common_ptr)&info, "the picture is larger than its header said");
  while (info.output_scanline < info.output_height) {
    JSAMPROW into = samples + info.output_scanline * row;
    jpeg_read_scanlines(&info, &into, 1);
  }
  jpeg_destroy_decompress(&info);
  return 1;
}
