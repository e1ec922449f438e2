/* Stored images: loaded from an archive, looked at, tagged, saved and pruned. No box runs here. */
#include <fcntl.h>
#include <unistd.h>

#include "harness.h"

/* What the callbacks of one case were told. */
typedef struct seen {
  completion done;
  size_t count;
  char reference[256];
  uint64_t bytes;
} seen;

static void on_images(void* user_data, boxlite_status status, const boxlite_error* err,
                      const boxlite_image_list* images) {
  seen* s = user_data;
  EXPECT((images != NULL) == (status == BOXLITE_OK));
  s->count = boxlite_image_list_size(images);
  if (s->count > 0)
    snprintf(s->reference, sizeof s->reference, "%s",
             boxlite_image_info_reference(boxlite_image_list_get(images, 0)));
  completion_done(&s->done, status, err);
}

static void on_pruned(void* user_data, boxlite_status status, const boxlite_error* err,
                      const boxlite_prune_report* report) {
  seen* s = user_data;
  EXPECT((report != NULL) == (status == BOXLITE_OK));
  while (boxlite_prune_report_reference(report, s->count) != NULL) ++s->count;
  s->bytes = boxlite_prune_report_bytes(report);
  completion_done(&s->done, status, err);
}

static void on_finalize(void* user_data) {
  completion_finalize(&((seen*)user_data)->done);
}

/* The image of test_rootfs() as a tar, open for reading. */
static int open_archive(void) {
  char command[2048], path[1024];
  int fd;
  snprintf(path, sizeof path, "%s.tar", test_home());
  snprintf(command, sizeof command, "tar -C '%s' -cf '%s' .", test_rootfs(), path);
  EXPECT_EQ(system(command), 0);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  EXPECT(fd >= 0);
  unlink(path);
  return fd;
}

static void load(boxlite_runtime* rt, int fd, const char* name, seen* s) {
  boxlite_operation* operation = NULL;
  memset(s, 0, sizeof *s);
  EXPECT_STATUS(boxlite_image_load(rt, fd, name, NULL, on_images, s, on_finalize, &operation, &err),
                BOXLITE_OK);
  close(fd);
  drain_until(rt, &s->done.finalized);
  boxlite_operation_destroy(operation);
}

static void prune(boxlite_runtime* rt, uint32_t flags, seen* s) {
  memset(s, 0, sizeof *s);
  EXPECT_STATUS(boxlite_image_prune(rt, flags, on_pruned, s, on_finalize, NULL, &err), BOXLITE_OK);
  drain_until(rt, &s->done.finalized);
}

static void loaded_image_is_looked_at_tagged_and_pruned(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_image_info* info = NULL;
  boxlite_disk_usage* usage = NULL;
  char digest[128];
  seen s;
  load(rt, open_archive(), "box:1", &s);
  EXPECT_EQ(s.done.status, BOXLITE_OK);
  EXPECT_EQ(s.count, 1);
  EXPECT(strcmp(s.reference, "docker.io/library/box:1") == 0);

  EXPECT_STATUS(boxlite_image_tag(rt, "box:1", "other:2", &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_image_get_info(&info, rt, "other:2", &err), BOXLITE_OK);
  EXPECT(strcmp(boxlite_image_info_reference_at(info, 0), "docker.io/library/box:1") == 0);
  EXPECT(strcmp(boxlite_image_info_reference_at(info, 1), "docker.io/library/other:2") == 0);
  EXPECT(boxlite_image_info_reference_at(info, 2) == NULL);
  EXPECT(strcmp(boxlite_image_info_os(info), "linux") == 0);
  EXPECT(boxlite_image_info_layer_count(info) > 0);
  EXPECT(boxlite_image_info_layer_digest(info, 0) != NULL);
  EXPECT(boxlite_image_info_layer_digest(info, boxlite_image_info_layer_count(info)) == NULL);
  EXPECT_EQ(boxlite_image_info_unpacked_size(info), 0);
  EXPECT_EQ(boxlite_image_info_history_layer(info, 4711), -1);
  snprintf(digest, sizeof digest, "%s", boxlite_image_info_digest(info));
  boxlite_image_info_destroy(info);
  digest[19] = 0;
  EXPECT_STATUS(boxlite_image_get_info(&info, rt, digest, &err), BOXLITE_OK);
  boxlite_image_info_destroy(info);

  EXPECT_STATUS(boxlite_disk_usage_create(&usage, rt, &err), BOXLITE_OK);
  EXPECT_EQ(boxlite_disk_usage_count(usage, BOXLITE_DISK_KIND_IMAGES), 1);
  EXPECT(boxlite_disk_usage_reclaimable(usage, BOXLITE_DISK_KIND_IMAGES) > 0);
  EXPECT_EQ(boxlite_disk_usage_bytes(usage, (boxlite_disk_kind)4711), 0);
  boxlite_disk_usage_destroy(usage);

  prune(rt, 0, &s);
  EXPECT_EQ(s.count, 0);
  prune(rt, BOXLITE_PRUNE_ALL, &s);
  EXPECT_EQ(s.done.status, BOXLITE_OK);
  EXPECT_EQ(s.count, 2);
  EXPECT(s.bytes > 0);
  EXPECT_STATUS(boxlite_image_get_info(&info, rt, "box:1", &err), BOXLITE_STATUS_NOT_FOUND);
  EXPECT(info == NULL);
  boxlite_runtime_destroy(rt);
}

static void saved_image_loads_again(void) {
  boxlite_runtime* rt = open_runtime();
  const char* names[] = {"box:1"};
  char path[1024];
  int fd;
  seen s;
  completion saved;
  memset(&saved, 0, sizeof saved);
  load(rt, open_archive(), "box:1", &s);
  snprintf(path, sizeof path, "%s.saved", test_home());
  fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  EXPECT_STATUS(boxlite_image_save(rt, names, 1, fd, NULL, completion_done, &saved,
                                   completion_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(rt, &saved.finalized);
  EXPECT_EQ(saved.status, BOXLITE_OK);
  EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
  unlink(path);
  load(rt, fd, NULL, &s);
  EXPECT_EQ(s.done.status, BOXLITE_OK);
  EXPECT(strcmp(s.reference, "docker.io/library/box:1") == 0);
  boxlite_runtime_destroy(rt);
}

static void image_calls_refuse_what_is_none(void) {
  boxlite_runtime* rt = open_runtime();
  const char* names[] = {"box:1"};
  boxlite_image_info* info = NULL;
  completion saved;
  seen s;
  EXPECT_STATUS(boxlite_image_load(rt, -1, NULL, NULL, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_image_load(rt, 0, "no name!", NULL, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_image_save(rt, NULL, 0, 1, NULL, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_image_prune(rt, 2, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_image_tag(rt, "none", "x", &err), BOXLITE_STATUS_NOT_FOUND);
  EXPECT_STATUS(boxlite_image_get_info(&info, rt, NULL, &err), BOXLITE_STATUS_INVALID_ARGUMENT);
  memset(&saved, 0, sizeof saved);
  EXPECT_STATUS(boxlite_image_save(rt, names, 1, 1, NULL, completion_done, &saved,
                                   completion_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(rt, &saved.finalized);
  EXPECT_EQ(saved.status, BOXLITE_STATUS_NOT_FOUND);
  load(rt, open("/dev/null", O_RDONLY | O_CLOEXEC), NULL, &s);
  EXPECT_EQ(s.done.status, BOXLITE_STATUS_IMAGE);
  EXPECT_EQ(s.count, 0);
  boxlite_image_info_destroy(NULL);
  boxlite_disk_usage_destroy(NULL);
  EXPECT_EQ(boxlite_prune_report_bytes(NULL), 0);
  EXPECT(boxlite_image_info_label(NULL, 0) == NULL);
  boxlite_runtime_destroy(rt);
}

const test_case image_cases[] = {
    {"loaded_image_is_looked_at_tagged_and_pruned", loaded_image_is_looked_at_tagged_and_pruned},
    {"saved_image_loads_again", saved_image_loads_again},
    {"image_calls_refuse_what_is_none", image_calls_refuse_what_is_none},
    {NULL, NULL},
};
