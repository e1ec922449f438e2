/* Answers that the header names, of calls on a box that is gone and on a command that was started
 * without what they need. */
#include "harness.h"

static void remove_box(boxlite_runtime* rt, boxlite_box* box, uint32_t flags,
                       boxlite_status wanted) {
  completion removed = {0};
  EXPECT_STATUS(
      boxlite_box_remove(box, flags, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  EXPECT_EQ(removed.status, wanted);
}

static void expect_start_answers(boxlite_runtime* rt, boxlite_box* box, boxlite_status wanted) {
  completion started = {0};
  EXPECT_STATUS(
      boxlite_box_start(box, NULL, completion_done, &started, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &started.finalized);
  EXPECT_EQ(started.status, wanted);
}

static void ended(void* user_data, boxlite_status status, const boxlite_error* err,
                  const boxlite_box_info* info) {
  EXPECT((status == BOXLITE_OK) == (info != NULL));
  completion_done(user_data, status, err);
}

static void expect_wait_answers(boxlite_runtime* rt, boxlite_box* box, boxlite_status wanted) {
  completion waited = {0};
  EXPECT_STATUS(boxlite_box_wait(box, ended, &waited, completion_finalize, NULL, &err), BOXLITE_OK);
  drain_until(rt, &waited.finalized);
  EXPECT_EQ(waited.status, wanted);
}

static void a_box_that_was_removed_is_not_found(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  boxlite_box_info* info = NULL;
  capture c;
  remove_box(rt, box, 0, BOXLITE_OK);
  remove_box(rt, box, 0, BOXLITE_STATUS_NOT_FOUND);
  remove_box(rt, box, BOXLITE_REMOVE_FORCE, BOXLITE_OK);
  stop_box(rt, box);
  expect_start_answers(rt, box, BOXLITE_STATUS_NOT_FOUND);
  expect_wait_answers(rt, box, BOXLITE_STATUS_NOT_FOUND);
  run_script(rt, box, "true", &c);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_NOT_FOUND);
  capture_free(&c);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_STATUS_NOT_FOUND);
  EXPECT_STATUS(boxlite_box_rename(box, "other", &err), BOXLITE_STATUS_NOT_FOUND);
  EXPECT_STATUS(boxlite_box_set_detached(box, 1, &err), BOXLITE_STATUS_NOT_FOUND);
  EXPECT_STATUS(boxlite_box_kill(box, 9, NULL, NULL, NULL, NULL, &err), BOXLITE_STATUS_NOT_FOUND);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void a_box_that_does_not_run_has_nothing_to_signal(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  EXPECT_STATUS(boxlite_box_kill(box, 9, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_box_kill(box, 0, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_box_set_detached(box, 2, &err), BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_box_remove(box, 2, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  expect_wait_answers(rt, box, BOXLITE_OK);
  remove_box(rt, box, 0, BOXLITE_OK);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void what_a_command_was_not_started_with_is_refused(void) {
  fixture f = begin();
  const char* argv[] = {"true"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c;
  options.argv = argv;
  options.argc = 1;
  capture_start(&c, f.box, &options);
  EXPECT_STATUS(boxlite_execution_consume(c.execution, BOXLITE_STREAM_STDOUT, 0, &err),
                BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_execution_consume(c.execution, (boxlite_stream)3, 0, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_execution_close_stdin(c.execution, &err), BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_execution_write_stdin(c.execution, "x", 1, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_execution_resize(c.execution, 24, 80, &err), BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_execution_signal(c.execution, 65, &err), BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_execution_kill(c.execution, 0, &err), BOXLITE_STATUS_INVALID_ARGUMENT);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, BOXLITE_OK);
  capture_free(&c);
  end(&f);
}

const test_case answer_cases[] = {
    {"a_box_that_was_removed_is_not_found", a_box_that_was_removed_is_not_found},
    {"a_box_that_does_not_run_has_nothing_to_signal",
     a_box_that_does_not_run_has_nothing_to_signal},
    {"what_a_command_was_not_started_with_is_refused",
     what_a_command_was_not_started_with_is_refused},
    {NULL, NULL}};
