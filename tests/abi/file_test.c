/* Files of a real box, written and read. */
#include <stdint.h>

#include "harness.h"

typedef struct chunks {
  completion done;
  uint8_t* data;
  size_t size;
} chunks;

static void chunks_data(void* user_data, const uint8_t* data, size_t size) {
  chunks* c = user_data;
  EXPECT_EQ(c->done.finished, 0);
  c->data = realloc(c->data, c->size + size);
  memcpy(c->data + c->size, data, size);
  c->size += size;
}

static void chunks_done(void* user_data, boxlite_status status, const boxlite_error* err) {
  completion_done(&((chunks*)user_data)->done, status, err);
}

static void chunks_finalize(void* user_data) {
  completion_finalize(&((chunks*)user_data)->done);
}

static chunks read_file(fixture* f, const char* path) {
  chunks c = {{0}, NULL, 0};
  EXPECT_STATUS(boxlite_box_read_file(f->box, path, chunks_data, chunks_done, &c, chunks_finalize,
                                      NULL, &err),
                BOXLITE_OK);
  drain_until(f->rt, &c.done.finalized);
  return c;
}

static void write_file(fixture* f, const char* path, const void* data, size_t size, uint32_t mode,
                       boxlite_status wanted) {
  completion written = {0};
  EXPECT_STATUS(boxlite_box_write_file(f->box, path, data, size, mode, completion_done, &written,
                                       completion_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(f->rt, &written.finalized);
  if (written.status != wanted) fprintf(stderr, "write %s: %s\n", path, written.message);
  EXPECT_EQ(written.status, wanted);
}

static void files_come_back_as_they_were_written(void) {
  enum { kSize = 5 * 1024 * 1024 + 17 };
  fixture f = begin();
  uint8_t* data = malloc(kSize);
  capture c;
  chunks read;
  size_t i;
  for (i = 0; i < kSize; ++i) data[i] = (uint8_t)(i * 40503u >> 7);
  write_file(&f, "/tmp/a/b/c.bin", data, kSize, 0, BOXLITE_OK);
  read = read_file(&f, "/tmp/a/b/c.bin");
  EXPECT_EQ(read.done.status, BOXLITE_OK);
  EXPECT_EQ(read.size, kSize);
  EXPECT(memcmp(read.data, data, kSize) == 0);
  free(read.data);
  write_file(&f, "/dev/shm/script", "#!/bin/sh\necho ran\n", 19, 0755, BOXLITE_OK);
  run_script(f.rt, f.box, "/dev/shm/script; stat -c %a /tmp/a/b/c.bin; ls /tmp/a/b", &c);
  EXPECT(strcmp(c.out, "ran\n644\nc.bin\n") == 0);
  write_file(&f, "/tmp/empty", "", 0, 0, BOXLITE_OK);
  read = read_file(&f, "/tmp/empty");
  EXPECT_EQ(read.size, 0);
  EXPECT_EQ(read.done.status, BOXLITE_OK);
  free(data);
  capture_free(&c);
  end(&f);
}

static void files_that_are_not_there_or_no_files_are_named(void) {
  fixture f = begin();
  chunks read = read_file(&f, "/tmp/missing");
  EXPECT_EQ(read.done.status, BOXLITE_STATUS_NOT_FOUND);
  EXPECT(strstr(read.done.message, "/tmp/missing") != NULL);
  read = read_file(&f, "/tmp");
  EXPECT_EQ(read.done.status, BOXLITE_STATUS_INVALID_ARGUMENT);
  read = read_file(&f, "/proc/self/status");
  EXPECT_EQ(read.done.status, BOXLITE_OK);
  EXPECT(read.size > 0);
  free(read.data);
  write_file(&f, "/tmp", "x", 1, 0, BOXLITE_STATUS_INVALID_ARGUMENT);
  write_file(&f, "/etc/passwd/x", "x", 1, 0, BOXLITE_STATUS_NOT_FOUND);
  end(&f);
}

const test_case file_cases[] = {
    {"files_come_back_as_they_were_written", files_come_back_as_they_were_written},
    {"files_that_are_not_there_or_no_files_are_named",
     files_that_are_not_there_or_no_files_are_named},
    {NULL, NULL}};
