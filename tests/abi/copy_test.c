/* Trees, archives and names of a real box. */
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

/* A directory of this case on the host, and a shell in it. */
static const char* host_dir(void) {
  static char path[4096];
  snprintf(path, sizeof path, "%s.host", test_home());
  mkdir(path, 0700);
  return path;
}

static void host(const char* command) {
  char line[8192];
  snprintf(line, sizeof line, "cd '%s' && { %s; }", host_dir(), command);
  if (system(line) != 0) {
    fprintf(stderr, "failed: %s\n", command);
    exit(1);
  }
}

static char* host_path(const char* name) {
  static char paths[4][4096];
  static int next;
  char* path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", host_dir(), name);
  return path;
}

static void remove_host_dir(void) {
  char line[4200];
  snprintf(line, sizeof line, "rm -rf '%s'", host_dir());
  EXPECT_EQ(system(line), 0);
}

static completion copy(fixture* f, int in, const char* from, const char* to, uint32_t flags) {
  completion copied = {0};
  boxlite_copy_options options = BOXLITE_COPY_OPTIONS_INIT;
  options.flags = flags;
  if (in) {
    EXPECT_STATUS(boxlite_box_copy_in(f->box, from, to, &options, NULL, completion_done, &copied,
                                      completion_finalize, NULL, &err),
                  BOXLITE_OK);
  } else {
    EXPECT_STATUS(boxlite_box_copy_out(f->box, from, to, &options, NULL, completion_done, &copied,
                                       completion_finalize, NULL, &err),
                  BOXLITE_OK);
  }
  drain_until(f->rt, &copied.finalized);
  return copied;
}

static void expect_copy(fixture* f, int in, const char* from, const char* to, uint32_t flags,
                        boxlite_status wanted, const char* text) {
  completion copied = copy(f, in, from, to, flags);
  if (copied.status != wanted || strstr(copied.message, text) == NULL) {
    fprintf(stderr, "copy %s to %s: %s (%s), expected %s with \"%s\"\n", from, to,
            boxlite_status_name(copied.status), copied.message, boxlite_status_name(wanted), text);
    exit(1);
  }
}

static void expect_output(fixture* f, const char* script, const char* wanted) {
  capture c;
  run_script(f->rt, f->box, script, &c);
  if (strcmp(c.out == NULL ? "" : c.out, wanted) != 0) {
    fprintf(stderr, "%s\nprinted:\n%s\n%s\nexpected:\n%s\n", script, c.out == NULL ? "" : c.out,
            c.err == NULL ? "" : c.err, wanted);
    exit(1);
  }
  capture_free(&c);
}

static void trees_come_back_as_they_were(void) {
  fixture f = begin();
  host(
      "mkdir -p tree/sub tree/closed && echo hello >tree/sub/file && chmod 640 tree/sub/file && "
      "ln -s sub/file tree/link && ln tree/sub/file tree/twin && truncate -s 3M tree/sparse && "
      "printf x >>tree/sparse && mkdir -p tree/$(printf %0150d 1)/$(printf %0150d 2) && "
      "touch -d '2001-02-03 04:05:06 UTC' tree/sub/file && chmod 555 tree/closed && "
      "head -c 3000000 /dev/urandom >tree/random");
  expect_copy(&f, 1, host_path("tree"), "/data/tree", BOXLITE_COPY_PARENTS, BOXLITE_OK, "");
  expect_output(&f,
                "cd /data/tree; cat sub/file; readlink link; stat -c '%a %h %Y %U' sub/file; "
                "stat -c '%a' closed; [ $(stat -c %b sparse) -lt 1000 ] && stat -c %s sparse",
                "hello\nsub/file\n640 2 981173106 root\n555\n3145729\n");
  expect_copy(&f, 0, "/data/tree", host_path("back"), 0, BOXLITE_OK, "");
  host(
      "diff -r --no-dereference tree back && [ $(stat -c %b back/sparse) -lt 1000 ] && "
      "[ back/twin -ef back/sub/file ] && [ $(stat -c %Y back/sub/file) = 981173106 ]");
  host("chmod -R u+w .");
  remove_host_dir();
  end(&f);
}

static void copies_go_where_cp_puts_them(void) {
  fixture f = begin();
  host("mkdir -p dir/in && echo 1 >dir/a && echo 2 >file");
  expect_copy(&f, 1, host_path("dir"), "/tmp", 0, BOXLITE_OK, "");
  expect_copy(&f, 1, host_path("dir/."), "/tmp/flat", 0, BOXLITE_OK, "");
  expect_copy(&f, 1, host_path("dir/."), "/tmp/flat", 0, BOXLITE_OK, "");
  expect_copy(&f, 1, host_path("file"), "/tmp/other", 0, BOXLITE_OK, "");
  expect_copy(&f, 1, host_path("file"), "/dev/shm/", 0, BOXLITE_OK, "");
  expect_output(&f, "cd /tmp; find . | sort | tr '\\n' ' '; cat other /dev/shm/file",
                ". ./dir ./dir/a ./dir/in ./flat ./flat/a ./flat/in ./other 2\n2\n");
  expect_copy(&f, 1, host_path("none"), "/tmp", 0, BOXLITE_STATUS_NOT_FOUND, "none");
  expect_copy(&f, 1, host_path("file"), "/no/such/file", 0, BOXLITE_STATUS_NOT_FOUND, "/no/such");
  expect_copy(&f, 1, host_path("file"), "/no/", 0, BOXLITE_STATUS_NOT_FOUND, "/no");
  expect_copy(&f, 1, host_path("dir"), "/tmp/other", 0, BOXLITE_STATUS_INVALID_ARGUMENT,
              "/tmp/other");
  expect_copy(&f, 1, host_path("file"), "/tmp/flat/in/../../dir/a", BOXLITE_COPY_NO_OVERWRITE,
              BOXLITE_STATUS_ALREADY_EXISTS, "a exists");
  expect_copy(&f, 0, "/tmp/none", host_path("x"), 0, BOXLITE_STATUS_NOT_FOUND, "/tmp/none");
  expect_copy(&f, 0, "/tmp/dir", host_path("file"), 0, BOXLITE_STATUS_INVALID_ARGUMENT, "file");
  expect_copy(&f, 0, "/tmp/dir/a", host_path("no/such"), 0, BOXLITE_STATUS_NOT_FOUND, "no");
  expect_copy(&f, 0, "/tmp/dir/.", host_path("flat"), 0, BOXLITE_OK, "");
  expect_copy(&f, 0, "/tmp/dir/a", host_path("flat"), BOXLITE_COPY_NO_OVERWRITE,
              BOXLITE_STATUS_ALREADY_EXISTS, "a exists");
  host("[ \"$(ls -A flat | tr '\\n' ' ')\" = 'a in ' ] && [ $(cat file) = 2 ]");
  remove_host_dir();
  end(&f);
}

static void a_hostile_guest_stays_in_its_place(void) {
  fixture f = begin();
  completion copied = {0};
  boxlite_copy_options options = BOXLITE_COPY_OPTIONS_INIT;
  expect_output(&f,
                "mkdir /tmp/t; cd /tmp/t; mknod null c 1 3; mkdir /tmp/s; cd /tmp/s; "
                "echo x >x; chmod 6755 x; mkfifo /tmp/fifo; ln -s /etc/passwd l",
                "");
  expect_copy(&f, 0, "/tmp/t", host_path("t"), 0, BOXLITE_STATUS_UNSUPPORTED, "null");
  expect_copy(&f, 0, "/tmp/fifo", host_path("fifo"), 0, BOXLITE_STATUS_UNSUPPORTED, "fifo");
  expect_copy(&f, 0, "/tmp/s", host_path("s"), 0, BOXLITE_OK, "");
  host("[ $(stat -c %a s/x) = 755 ] && [ -L s/l ] && mkdir d && ln -s . d/s");
  expect_copy(&f, 0, "/tmp/s", host_path("d"), 0, BOXLITE_STATUS_INVALID_ARGUMENT, "s");
  options.max_bytes = 1000;
  EXPECT_STATUS(boxlite_box_copy_out(f.box, "/bin/busybox", host_path("big"), &options, NULL,
                                     completion_done, &copied, completion_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(f.rt, &copied.finalized);
  EXPECT_EQ(copied.status, BOXLITE_STATUS_RESOURCE_EXHAUSTED);
  remove_host_dir();
  end(&f);
}

static void count_progress(void* user_data, const boxlite_copy_progress* progress) {
  uint64_t* last = user_data;
  EXPECT(progress->bytes >= *last && progress->files == 1);
  *last = progress->bytes;
}

static void done_with_progress(void* user_data, boxlite_status status, const boxlite_error* err) {
  (void)err;
  EXPECT_EQ(status, BOXLITE_OK);
  EXPECT(*(uint64_t*)user_data >= 2000000);
  *(uint64_t*)user_data = 0;
}

static void progress_is_told_and_a_copy_can_be_cancelled(void) {
  fixture f = begin();
  completion copied = {0};
  boxlite_operation* operation;
  uint64_t bytes = 0;
  int finished = 0;
  host("head -c 2000000 /dev/zero >data");
  EXPECT_STATUS(boxlite_box_copy_in(f.box, host_path("data"), "/tmp/data", NULL, count_progress,
                                    done_with_progress, &bytes, NULL, NULL, &err),
                BOXLITE_OK);
  while (!finished) {
    EXPECT(boxlite_runtime_drain(f.rt, 60000) > 0);
    finished = bytes == 0;
  }
  EXPECT_STATUS(boxlite_box_copy_in(f.box, "/dev", "/tmp/endless", NULL, NULL, completion_done,
                                    &copied, completion_finalize, &operation, &err),
                BOXLITE_OK);
  boxlite_operation_cancel(operation);
  drain_until(f.rt, &copied.finalized);
  EXPECT_EQ(copied.status, BOXLITE_STATUS_CANCELLED);
  boxlite_operation_destroy(operation);
  remove_host_dir();
  end(&f);
}

typedef struct bytes {
  completion done;
  uint8_t* data;
  size_t size;
} bytes;

static void bytes_data(void* user_data, const uint8_t* data, size_t size) {
  bytes* b = user_data;
  b->data = realloc(b->data, b->size + size);
  memcpy(b->data + b->size, data, size);
  b->size += size;
}

static void bytes_done(void* user_data, boxlite_status status, const boxlite_error* err) {
  completion_done(&((bytes*)user_data)->done, status, err);
}

static void bytes_finalize(void* user_data) {
  completion_finalize(&((bytes*)user_data)->done);
}

static void archives_pass_through(void) {
  fixture f = begin();
  bytes b = {{0}, NULL, 0};
  completion put = {0}, written = {0};
  boxlite_upload* upload;
  size_t at, piece = 100000;
  expect_output(
      &f, "mkdir -p /tmp/a/b /tmp/out; head -c 500000 /dev/urandom >/tmp/a/b/c; ln -s c /tmp/a/b/d",
      "");
  EXPECT_STATUS(boxlite_box_get_archive(f.box, "/tmp/a", 0, bytes_data, bytes_done, &b,
                                        bytes_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(f.rt, &b.done.finalized);
  EXPECT_EQ(b.done.status, BOXLITE_OK);
  EXPECT(b.size > 500000 && b.size % 512 == 0);
  EXPECT_STATUS(boxlite_box_put_archive(&upload, f.box, "/tmp/out", NULL, completion_done, &put,
                                        completion_finalize, &err),
                BOXLITE_OK);
  for (at = 0; at < b.size; at += piece) {
    if (piece > b.size - at) piece = b.size - at;
    memset(&written, 0, sizeof written);
    EXPECT_STATUS(boxlite_upload_write(upload, b.data + at, piece, completion_done, &written,
                                       completion_finalize, &err),
                  BOXLITE_OK);
    drain_until(f.rt, &written.finalized);
    EXPECT_EQ(written.status, BOXLITE_OK);
  }
  EXPECT_STATUS(boxlite_upload_finish(upload, &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_upload_finish(upload, &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_upload_write(upload, "x", 1, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_STATE);
  drain_until(f.rt, &put.finalized);
  EXPECT_EQ(put.status, BOXLITE_OK);
  EXPECT_STATUS(boxlite_upload_write(upload, "x", 1, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_STOPPED);
  boxlite_upload_cancel(upload);
  boxlite_upload_destroy(upload);
  expect_output(&f, "diff -r /tmp/a /tmp/out/a && readlink /tmp/out/a/b/d", "c\n");
  free(b.data);
  end(&f);
}

static void an_upload_that_goes_wrong_says_so(void) {
  fixture f = begin();
  completion put = {0};
  boxlite_upload* upload;
  EXPECT_ERROR(boxlite_box_put_archive(&upload, f.box, "relative", NULL, NULL, NULL, NULL, &err),
               BOXLITE_STATUS_INVALID_ARGUMENT, "guest_path");
  EXPECT_STATUS(boxlite_box_put_archive(&upload, f.box, "/tmp", NULL, completion_done, &put,
                                        completion_finalize, &err),
                BOXLITE_OK);
  EXPECT_STATUS(boxlite_upload_write(upload, "no archive", 10, NULL, NULL, NULL, &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_upload_finish(upload, &err), BOXLITE_OK);
  drain_until(f.rt, &put.finalized);
  EXPECT_EQ(put.status, BOXLITE_STATUS_INVALID_ARGUMENT);
  boxlite_upload_destroy(upload);
  memset(&put, 0, sizeof put);
  EXPECT_STATUS(boxlite_box_put_archive(&upload, f.box, "/none", NULL, completion_done, &put,
                                        completion_finalize, &err),
                BOXLITE_OK);
  drain_until(f.rt, &put.finalized);
  EXPECT_EQ(put.status, BOXLITE_STATUS_NOT_FOUND);
  EXPECT(strstr(put.message, "/none") != NULL);
  boxlite_upload_destroy(upload);
  memset(&put, 0, sizeof put);
  EXPECT_STATUS(boxlite_box_put_archive(&upload, f.box, "/tmp", NULL, completion_done, &put,
                                        completion_finalize, &err),
                BOXLITE_OK);
  boxlite_upload_destroy(upload);
  drain_until(f.rt, &put.finalized);
  EXPECT_EQ(put.status, BOXLITE_STATUS_CANCELLED);
  end(&f);
}

typedef struct listing {
  completion done;
  char text[8192];
} listing;

static void add_info(listing* l, const boxlite_file_info* info) {
  char line[1024];
  snprintf(line, sizeof line, "%s %d %o %llu %s\n", boxlite_file_info_name(info),
           (int)boxlite_file_info_type(info), (unsigned)boxlite_file_info_mode(info),
           (unsigned long long)boxlite_file_info_size(info), boxlite_file_info_link(info));
  strncat(l->text, line, sizeof l->text - strlen(l->text) - 1);
}

static void on_list(void* user_data, boxlite_status status, const boxlite_error* err,
                    const boxlite_file_list* list) {
  listing* l = user_data;
  size_t i;
  for (i = 0; i < boxlite_file_list_size(list); ++i) add_info(l, boxlite_file_list_get(list, i));
  EXPECT(boxlite_file_list_get(list, i) == NULL);
  completion_done(&l->done, status, err);
}

static void on_info(void* user_data, boxlite_status status, const boxlite_error* err,
                    const boxlite_file_info* info) {
  EXPECT_EQ(info != NULL, status == BOXLITE_OK);
  if (info != NULL) add_info(user_data, info);
  completion_done(&((listing*)user_data)->done, status, err);
}

static void listing_finalize(void* user_data) {
  completion_finalize(&((listing*)user_data)->done);
}

static listing list_files(fixture* f, const char* path) {
  listing l = {{0}, ""};
  EXPECT_STATUS(boxlite_box_list_files(f->box, path, on_list, &l, listing_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(f->rt, &l.done.finalized);
  return l;
}

static listing stat_file(fixture* f, const char* path, uint32_t flags) {
  listing l = {{0}, ""};
  EXPECT_STATUS(
      boxlite_box_stat_file(f->box, path, flags, on_info, &l, listing_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(f->rt, &l.done.finalized);
  return l;
}

enum act { kMake, kRename, kRemove };

static completion act(fixture* f, enum act what, const char* path, const char* to, uint32_t flags) {
  completion acted = {0};
  boxlite_status status =
      what == kMake ? boxlite_box_make_directory(f->box, path, 0, flags, completion_done, &acted,
                                                 completion_finalize, NULL, NULL)
      : what == kRename ? boxlite_box_rename_file(f->box, path, to, flags, completion_done, &acted,
                                                  completion_finalize, NULL, NULL)
                        : boxlite_box_remove_file(f->box, path, flags, completion_done, &acted,
                                                  completion_finalize, NULL, NULL);
  EXPECT_EQ(status, BOXLITE_OK);
  drain_until(f->rt, &acted.finalized);
  return acted;
}

static void files_are_named_listed_and_removed(void) {
  fixture f = begin();
  listing l;
  EXPECT_EQ(act(&f, kMake, "/tmp/d", NULL, 0).status, BOXLITE_OK);
  EXPECT_EQ(act(&f, kMake, "/tmp/d", NULL, 0).status, BOXLITE_STATUS_ALREADY_EXISTS);
  EXPECT_EQ(act(&f, kMake, "/tmp/d", NULL, BOXLITE_FILE_PARENTS).status, BOXLITE_OK);
  EXPECT_EQ(act(&f, kMake, "/tmp/x/y", NULL, 0).status, BOXLITE_STATUS_NOT_FOUND);
  EXPECT_EQ(act(&f, kMake, "/tmp/d/e/f", NULL, BOXLITE_FILE_PARENTS).status, BOXLITE_OK);
  expect_output(&f, "cd /tmp/d; printf 12345 >five; ln -s five link; mkfifo fifo; chmod 600 five",
                "");
  l = list_files(&f, "/tmp/d");
  EXPECT_EQ(l.done.status, BOXLITE_OK);
  EXPECT(strncmp(l.text, "e 2 755 ", 8) == 0);
  EXPECT(strstr(l.text, "\nfifo 6 644 0 \nfive 1 600 5 \nlink 3 777 4 five\n") != NULL);
  EXPECT(strcmp(stat_file(&f, "/tmp/d/link", 0).text, "link 3 777 4 five\n") == 0);
  EXPECT(strcmp(stat_file(&f, "/tmp/d/link", BOXLITE_FILE_FOLLOW_LINK).text, "link 1 600 5 \n") ==
         0);
  EXPECT_EQ(stat_file(&f, "/tmp/none", 0).done.status, BOXLITE_STATUS_NOT_FOUND);
  l = list_files(&f, "/tmp/d/five");
  EXPECT_EQ(l.done.status, BOXLITE_STATUS_NOT_FOUND);
  EXPECT(strstr(l.done.message, "/tmp/d/five") != NULL);
  EXPECT_EQ(act(&f, kRename, "/tmp/d/five", "/tmp/d/link", BOXLITE_FILE_NO_REPLACE).status,
            BOXLITE_STATUS_ALREADY_EXISTS);
  EXPECT_EQ(act(&f, kRename, "/tmp/d/five", "/tmp/d/link", 0).status, BOXLITE_OK);
  EXPECT_EQ(act(&f, kRename, "/tmp/d/link", "/dev/shm/x", 0).status, BOXLITE_STATUS_UNSUPPORTED);
  EXPECT_EQ(act(&f, kRename, "/tmp/none", "/tmp/x", 0).status, BOXLITE_STATUS_NOT_FOUND);
  EXPECT_EQ(act(&f, kRemove, "/tmp/d", NULL, 0).status, BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(act(&f, kRemove, "/tmp/d/link", NULL, 0).status, BOXLITE_OK);
  EXPECT_EQ(act(&f, kRemove, "/tmp/d/link", NULL, 0).status, BOXLITE_STATUS_NOT_FOUND);
  EXPECT_EQ(act(&f, kRemove, "/tmp/d/", NULL, BOXLITE_FILE_RECURSIVE).status, BOXLITE_OK);
  EXPECT_EQ(act(&f, kRemove, "/", NULL, BOXLITE_FILE_RECURSIVE).status,
            BOXLITE_STATUS_INVALID_ARGUMENT);
  expect_output(&f, "ls -A /tmp", "");
  end(&f);
}

typedef struct processes {
  completion done;
  int found;
} processes;

static void on_processes(void* user_data, boxlite_status status, const boxlite_error* err,
                         const boxlite_process_list* list) {
  processes* p = user_data;
  size_t i;
  for (i = 0; i < boxlite_process_list_size(list); ++i) {
    const boxlite_process_info* info = boxlite_process_list_get(list, i);
    const char* first = boxlite_process_info_arg(info, 0);
    EXPECT(boxlite_process_info_pid(info) > 1 && first != NULL);
    if (strcmp(first, "sleep") != 0) continue;
    ++p->found;
    EXPECT(strcmp(boxlite_process_info_arg(info, 1), "1000") == 0);
    EXPECT(boxlite_process_info_arg(info, 2) == NULL);
    EXPECT(strcmp(boxlite_process_info_user(info), "root") == 0);
    EXPECT_EQ(boxlite_process_info_uid(info), 0);
    EXPECT(boxlite_process_info_state(info) == 'S' || boxlite_process_info_state(info) == 'R');
    EXPECT(boxlite_process_info_memory_bytes(info) > 0);
    EXPECT(boxlite_process_info_started_at_ms(info) > 1700000000000);
  }
  completion_done(&p->done, status, err);
}

static void processes_finalize(void* user_data) {
  completion_finalize(&((processes*)user_data)->done);
}

static void processes_are_listed(void) {
  fixture f = begin();
  processes p = {{0}, 0};
  expect_output(&f, "sleep 1000 >/dev/null 2>&1 & sleep 1000 >/dev/null 2>&1 & true", "");
  EXPECT_STATUS(boxlite_box_list_processes(f.box, on_processes, &p, processes_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(f.rt, &p.done.finalized);
  EXPECT_EQ(p.done.status, BOXLITE_OK);
  EXPECT_EQ(p.found, 2);
  end(&f);
}

const test_case copy_cases[] = {
    {"trees_come_back_as_they_were", trees_come_back_as_they_were},
    {"copies_go_where_cp_puts_them", copies_go_where_cp_puts_them},
    {"a_hostile_guest_stays_in_its_place", a_hostile_guest_stays_in_its_place},
    {"progress_is_told_and_a_copy_can_be_cancelled", progress_is_told_and_a_copy_can_be_cancelled},
    {"archives_pass_through", archives_pass_through},
    {"an_upload_that_goes_wrong_says_so", an_upload_that_goes_wrong_says_so},
    {"files_are_named_listed_and_removed", files_are_named_listed_and_removed},
    {"processes_are_listed", processes_are_listed},
    {NULL, NULL}};
