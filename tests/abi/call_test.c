/* The calls that answer at once: versions, errors, options, records. No box runs here. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static void version_is_the_headers(void) {
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", BOXLITE_VERSION_MAJOR, BOXLITE_VERSION_MINOR,
           BOXLITE_VERSION_PATCH);
  EXPECT(strcmp(boxlite_version_string(), text) == 0);
  EXPECT_EQ(boxlite_version(),
            (BOXLITE_VERSION_MAJOR << 16) | (BOXLITE_VERSION_MINOR << 8) | BOXLITE_VERSION_PATCH);
}

static void status_has_a_name(void) {
  EXPECT(strcmp(boxlite_status_name(BOXLITE_OK), "ok") == 0);
  EXPECT(strcmp(boxlite_status_name(BOXLITE_STATUS_NOT_FOUND), "not_found") == 0);
  EXPECT(strcmp(boxlite_status_name(BOXLITE_STATUS_WOULD_DEADLOCK), "would_deadlock") == 0);
  EXPECT(strcmp(boxlite_status_name((boxlite_status)4711), "internal") == 0);
}

static void error_null_is_success(void) {
  EXPECT_EQ(boxlite_error_status(NULL), BOXLITE_OK);
  EXPECT(strcmp(boxlite_error_message(NULL), "") == 0);
  EXPECT(strcmp(boxlite_error_hint(NULL), "") == 0);
  EXPECT_EQ(boxlite_error_os_errno(NULL), 0);
  EXPECT(boxlite_error_copy(NULL) == NULL);
}

static void destroy_accepts_null(void) {
  boxlite_error_destroy(NULL);
  boxlite_runtime_destroy(NULL);
  boxlite_box_destroy(NULL);
  boxlite_box_info_destroy(NULL);
  boxlite_box_list_destroy(NULL);
  boxlite_execution_destroy(NULL);
  boxlite_image_list_destroy(NULL);
  boxlite_operation_destroy(NULL);
}

static void error_copy_outlives_the_error(void) {
  boxlite_error* err = NULL;
  boxlite_error* copy;
  EXPECT_EQ(boxlite_runtime_create(NULL, NULL, &err), BOXLITE_STATUS_INVALID_ARGUMENT);
  copy = boxlite_error_copy(err);
  boxlite_error_destroy(err);
  EXPECT_EQ(boxlite_error_status(copy), BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT(strstr(boxlite_error_message(copy), "out") != NULL);
  boxlite_error_destroy(copy);
}

static void options_init_equals_the_macro(void) {
  boxlite_runtime_options a = BOXLITE_RUNTIME_OPTIONS_INIT, b;
  boxlite_box_options c = BOXLITE_BOX_OPTIONS_INIT, d;
  boxlite_exec_options e = BOXLITE_EXEC_OPTIONS_INIT, f;
  memset(&b, 0xff, sizeof b);
  memset(&d, 0xff, sizeof d);
  memset(&f, 0xff, sizeof f);
  boxlite_runtime_options_init(&b, sizeof b);
  boxlite_box_options_init(&d, sizeof d);
  boxlite_exec_options_init(&f, sizeof f);
  EXPECT(b.struct_size == a.struct_size && b.home_dir == NULL && b.log == NULL && b.flags == 0);
  EXPECT(d.struct_size == c.struct_size && d.image == NULL && d.cpus == 0 && d.isolation == 0);
  EXPECT(f.struct_size == e.struct_size && f.argv == NULL && f.on_exit == NULL &&
         f.timeout_ms == 0);
}

/* A program built against a later header passes longer structs. */
static void longer_options_with_an_empty_tail_are_accepted(void) {
  struct {
    boxlite_runtime_options known;
    uint64_t unknown;
  } newer;
  boxlite_runtime* rt = NULL;
  boxlite_runtime_options_init(&newer.known, sizeof newer);
  EXPECT_EQ(newer.unknown, 0);
  newer.known.home_dir = test_home();
  EXPECT_STATUS(boxlite_runtime_create(&rt, &newer.known, &err), BOXLITE_OK);
  boxlite_runtime_destroy(rt);
  newer.unknown = 1;
  EXPECT_STATUS(boxlite_runtime_create(&rt, &newer.known, &err), BOXLITE_STATUS_UNSUPPORTED);
}

static void options_too_short_are_refused(void) {
  boxlite_runtime_options options = BOXLITE_RUNTIME_OPTIONS_INIT;
  boxlite_runtime* rt = NULL;
  options.struct_size = 4;
  EXPECT_ERROR(boxlite_runtime_create(&rt, &options, &err), BOXLITE_STATUS_INVALID_ARGUMENT,
               "struct_size");
  EXPECT(rt == NULL);
}

static void null_arguments_are_named(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  boxlite_exec_options exec = BOXLITE_EXEC_OPTIONS_INIT;
  boxlite_box* other = NULL;
  boxlite_execution* execution = NULL;
  completion removed = {0};
  EXPECT_ERROR(boxlite_box_create(NULL, rt, NULL, &err), BOXLITE_STATUS_INVALID_ARGUMENT, "out");
  EXPECT_ERROR(boxlite_box_create(&other, NULL, NULL, &err), BOXLITE_STATUS_INVALID_ARGUMENT, "rt");
  EXPECT_ERROR(boxlite_box_get(&other, rt, NULL, &err), BOXLITE_STATUS_INVALID_ARGUMENT,
               "id_or_name");
  EXPECT_ERROR(boxlite_box_exec(&execution, box, NULL, &err), BOXLITE_STATUS_INVALID_ARGUMENT,
               "options");
  EXPECT_ERROR(boxlite_box_exec(&execution, box, &exec, &err), BOXLITE_STATUS_INVALID_ARGUMENT,
               "argv");
  EXPECT_ERROR(boxlite_box_start(NULL, NULL, NULL, NULL, NULL, NULL, &err),
               BOXLITE_STATUS_INVALID_ARGUMENT, "box");
  EXPECT_ERROR(boxlite_box_write_file(box, NULL, "", 0, 0, NULL, NULL, NULL, NULL, &err),
               BOXLITE_STATUS_INVALID_ARGUMENT, "path");
  EXPECT_ERROR(boxlite_image_pull(rt, NULL, NULL, NULL, NULL, NULL, NULL, &err),
               BOXLITE_STATUS_INVALID_ARGUMENT, "reference");
  EXPECT_STATUS(
      boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void home_that_cannot_be_used_is_named(void) {
  char path[600];
  boxlite_runtime_options options = BOXLITE_RUNTIME_OPTIONS_INIT;
  boxlite_runtime* rt = NULL;
  snprintf(path, sizeof path, "%s/file", test_home());
  close(open(path, O_CREAT | O_WRONLY, 0600));
  options.home_dir = path;
  EXPECT_ERROR(boxlite_runtime_create(&rt, &options, &err), BOXLITE_STATUS_CONFIG, path);
}

static void expect_refused(boxlite_runtime* rt, const boxlite_box_options* options,
                           const char* text) {
  boxlite_box* box = NULL;
  EXPECT_ERROR(boxlite_box_create(&box, rt, options, &err), BOXLITE_STATUS_INVALID_ARGUMENT, text);
  EXPECT(box == NULL);
}

static void box_options_are_validated(void) {
  boxlite_runtime* rt = open_runtime();
  const char* bad_env[] = {"NO_EQUALS_SIGN"};
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  options.image = "busybox";
  options.name = "no spaces";
  expect_refused(rt, &options, "name");
  options.name = NULL;
  options.memory_mib = 1;
  expect_refused(rt, &options, "memory_mib");
  options.memory_mib = 1u << 30;
  expect_refused(rt, &options, "memory_mib");
  options.memory_mib = 0;
  options.cpus = 100000;
  expect_refused(rt, &options, "cpus");
  options.cpus = 0;
  options.env = bad_env;
  options.env_count = 1;
  expect_refused(rt, &options, "env");
  options.env_count = 0;
  options.image = "library/UPPER";
  expect_refused(rt, &options, "library/UPPER");
  options.image = "busybox";
  options.rootfs_path = test_rootfs();
  expect_refused(rt, &options, "rootfs_path");
  options.rootfs_path = NULL;
  options.working_dir = "relative";
  expect_refused(rt, &options, "working_dir");
  options.working_dir = NULL;
  options.image = "";
  expect_refused(rt, &options, "image is an empty text");
  options.image = NULL;
  options.engine = (boxlite_engine)258; /* 2 where it is cut to a byte */
  expect_refused(rt, &options, "engine 258");
  options.engine = (boxlite_engine)3;
  expect_refused(rt, &options, "engine 3");
  options.engine = BOXLITE_ENGINE_AUTO;
  options.isolation = (boxlite_isolation)256;
  expect_refused(rt, &options, "isolation 256");
  options.isolation = (boxlite_isolation)-1;
  expect_refused(rt, &options, "isolation");
  boxlite_runtime_destroy(rt);
}

static void a_box_is_found_by_name_id_and_prefix(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  const char* labels[] = {"team=red", "empty="};
  boxlite_box* box = NULL;
  boxlite_box* found = NULL;
  boxlite_box_info* info = NULL;
  boxlite_box_list* list = NULL;
  char prefix[27] = "";
  completion removed = {0};
  options.image = "busybox";
  options.name = "first";
  options.memory_mib = 256;
  options.labels = labels;
  options.label_count = COUNT_OF(labels);
  EXPECT_STATUS(boxlite_box_create(&box, rt, &options, &err), BOXLITE_OK);
  EXPECT_EQ(strlen(boxlite_box_id(box)), 26);
  EXPECT_STATUS(boxlite_box_create(&found, rt, &options, &err), BOXLITE_STATUS_ALREADY_EXISTS);
  EXPECT_STATUS(boxlite_box_get(&found, rt, "nobody", &err), BOXLITE_STATUS_NOT_FOUND);
  EXPECT_STATUS(boxlite_box_get(&found, rt, "first", &err), BOXLITE_OK);
  EXPECT(strcmp(boxlite_box_id(found), boxlite_box_id(box)) == 0);
  boxlite_box_destroy(found);
  strncpy(prefix, boxlite_box_id(box), 20);
  EXPECT_STATUS(boxlite_box_get(&found, rt, prefix, &err), BOXLITE_OK);
  boxlite_box_destroy(found);

  EXPECT_STATUS(boxlite_box_list_create(&list, rt, &err), BOXLITE_OK);
  EXPECT_EQ(boxlite_box_list_size(list), 1);
  EXPECT(boxlite_box_list_get(list, 1) == NULL);
  EXPECT(strcmp(boxlite_box_info_name(boxlite_box_list_get(list, 0)), "first") == 0);
  boxlite_box_list_destroy(list);

  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  EXPECT(strcmp(boxlite_box_info_image(info), "busybox") == 0);
  EXPECT_EQ(boxlite_box_info_state(info), BOXLITE_BOX_STATE_CREATED);
  EXPECT_EQ(boxlite_box_info_memory_mib(info), 256);
  EXPECT_EQ(boxlite_box_info_cpus(info), 1);
  EXPECT_EQ(boxlite_box_info_pid(info), 0);
  EXPECT(boxlite_box_info_created_at_ms(info) > 0);
  EXPECT_EQ(boxlite_box_info_started_at_ms(info), 0);
  EXPECT_EQ(boxlite_box_info_exit_code(info), BOXLITE_EXIT_CODE_NONE);
  EXPECT(strcmp(boxlite_box_info_label(info, 0), "team=red") == 0);
  EXPECT(strcmp(boxlite_box_info_label(info, 1), "empty=") == 0);
  EXPECT(boxlite_box_info_label(info, 2) == NULL);
  boxlite_box_info_destroy(info);

  EXPECT_STATUS(
      boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  EXPECT_EQ(removed.status, BOXLITE_OK);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_STATUS_NOT_FOUND);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void a_box_is_seen_by_another_runtime(void) {
  boxlite_runtime* one = open_runtime();
  boxlite_runtime* two = open_runtime();
  boxlite_box* box = create_box(one, 0);
  boxlite_box* seen = NULL;
  completion removed = {0};
  EXPECT_STATUS(boxlite_box_get(&seen, two, boxlite_box_id(box), &err), BOXLITE_OK);
  EXPECT_STATUS(
      boxlite_box_remove(seen, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(two, &removed.finalized);
  boxlite_box_destroy(seen);
  boxlite_runtime_destroy(two);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(one);
}

static void doctor_done(void* user_data, boxlite_status status, const boxlite_error* err,
                        const boxlite_doctor_report* report) {
  size_t i, size = boxlite_doctor_report_size(report);
  completion_done(user_data, status, err);
  EXPECT_EQ(status, BOXLITE_OK);
  EXPECT(size >= 7);
  EXPECT(boxlite_doctor_report_name(report, size) == NULL);
  for (i = 0; i < size; ++i) {
    int fine = boxlite_doctor_report_state(report, i) == BOXLITE_DOCTOR_STATE_OK;
    EXPECT(*boxlite_doctor_report_detail(report, i) != '\0');
    EXPECT(fine == (*boxlite_doctor_report_hint(report, i) == '\0'));
  }
}

static void doctor_has_a_hint_for_what_is_wrong(void) {
  boxlite_runtime* rt = open_runtime();
  completion examined = {0};
  EXPECT_STATUS(boxlite_runtime_doctor(rt, doctor_done, &examined, completion_finalize, &err),
                BOXLITE_OK);
  drain_until(rt, &examined.finalized);
  boxlite_runtime_destroy(rt);
}

const test_case call_cases[] = {
    {"version_is_the_headers", version_is_the_headers},
    {"status_has_a_name", status_has_a_name},
    {"error_null_is_success", error_null_is_success},
    {"destroy_accepts_null", destroy_accepts_null},
    {"error_copy_outlives_the_error", error_copy_outlives_the_error},
    {"options_init_equals_the_macro", options_init_equals_the_macro},
    {"longer_options_with_an_empty_tail_are_accepted",
     longer_options_with_an_empty_tail_are_accepted},
    {"options_too_short_are_refused", options_too_short_are_refused},
    {"null_arguments_are_named", null_arguments_are_named},
    {"home_that_cannot_be_used_is_named", home_that_cannot_be_used_is_named},
    {"box_options_are_validated", box_options_are_validated},
    {"a_box_is_found_by_name_id_and_prefix", a_box_is_found_by_name_id_and_prefix},
    {"a_box_is_seen_by_another_runtime", a_box_is_seen_by_another_runtime},
    {"doctor_has_a_hint_for_what_is_wrong", doctor_has_a_hint_for_what_is_wrong},
    {NULL, NULL}};
