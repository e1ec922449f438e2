/* Writes a file into a box and reads one that the box has made, but no more of it than is wanted:
 * the box decides how much comes. */
#include <boxlite.h>
#include <stdio.h>
#include <string.h>

enum { kMost = 64 * 1024 };

struct transfer {
  boxlite_operation* operation;
  char data[kMost];
  size_t size;
  int finished;
  boxlite_status status;
};

static void take(void* user_data, const uint8_t* data, size_t size) {
  struct transfer* transfer = user_data;
  if (size > kMost - transfer->size) {
    boxlite_operation_cancel(transfer->operation);
    size = kMost - transfer->size;
  }
  memcpy(transfer->data + transfer->size, data, size);
  transfer->size += size;
}

static void finish(void* user_data, boxlite_status status, const boxlite_error* err) {
  struct transfer* transfer = user_data;
  transfer->finished = 1;
  transfer->status = status;
  if (status != BOXLITE_OK && status != BOXLITE_STATUS_CANCELLED)
    fprintf(stderr, "%s\n", boxlite_error_message(err));
}

/* Waits for what `begun` has begun. */
static boxlite_status wait_for(boxlite_runtime* runtime, struct transfer* transfer,
                               boxlite_status begun, boxlite_error* err) {
  if (begun != BOXLITE_OK) fprintf(stderr, "%s\n", boxlite_error_message(err));
  transfer->status = begun;
  while (begun == BOXLITE_OK && !transfer->finished && boxlite_runtime_drain(runtime, -1) >= 0)
    continue;
  boxlite_error_destroy(err);
  boxlite_operation_destroy(transfer->operation);
  return transfer->status;
}

static int write_and_read(boxlite_runtime* runtime, boxlite_box* box, const char* path) {
  static const char text[] = "written by the host\n";
  struct transfer there = {0}, back = {0};
  boxlite_error* err = NULL;
  boxlite_status begun = boxlite_box_write_file(box, "/data/note", text, strlen(text), 0, finish,
                                                &there, NULL, &there.operation, &err);
  if (wait_for(runtime, &there, begun, err) != BOXLITE_OK) return 0;
  begun = boxlite_box_read_file(box, path, take, finish, &back, NULL, &back.operation, &err);
  printf("%s: %s, ", path, boxlite_status_name(wait_for(runtime, &back, begun, err)));
  printf("%zu bytes\n", back.size);
  return 1;
}

int main(void) {
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_error* err = NULL;
  int fine = 0;
  options.image = "python:slim";
  options.flags = BOXLITE_BOX_AUTO_REMOVE;
  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK &&
      boxlite_box_create(&box, runtime, &options, &err) == BOXLITE_OK)
    fine = write_and_read(runtime, box, "/data/note") &&
           write_and_read(runtime, box, "/usr/bin/python3.11");
  if (err != NULL) fprintf(stderr, "%s\n", boxlite_error_message(err));
  boxlite_error_destroy(err);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime);
  return !fine;
}
