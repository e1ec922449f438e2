/* What becomes of a box that is there: another name, a signal, another way to live. */
#include <signal.h>

#include "harness.h"

static void kill_box(boxlite_runtime* rt, boxlite_box* box, int number, completion* killed) {
  memset(killed, 0, sizeof *killed);
  EXPECT_STATUS(
      boxlite_box_kill(box, number, completion_done, killed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &killed->finalized);
}

static void remove_box(boxlite_runtime* rt, boxlite_box* box) {
  completion removed = {0};
  EXPECT_STATUS(
      boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  EXPECT_EQ(removed.status, BOXLITE_OK);
}

static void start_waiting(boxlite_runtime* rt, boxlite_box* box, uint32_t flags, capture* c) {
  const char* argv[] = {"sh", "-c", "trap 'exit 5' USR1; while :; do sleep 0.1; done"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  options.flags = flags;
  capture_start(c, box, &options);
  drain_until(rt, &c->started);
}

static void a_signal_reaches_the_main_execution(void) {
  fixture f = begin();
  completion killed;
  capture other, main_execution;
  start_waiting(f.rt, f.box, 0, &other);
  kill_box(f.rt, f.box, SIGUSR1, &killed);
  EXPECT_EQ(killed.status, BOXLITE_STATUS_INVALID_STATE);
  EXPECT(strstr(killed.message, "no main command") != NULL);
  start_waiting(f.rt, f.box, BOXLITE_EXEC_MAIN, &main_execution);
  /* The shell may not have set its trap yet; the signal is sent until it was heard. */
  while (!main_execution.exit.finished) {
    kill_box(f.rt, f.box, SIGUSR1, &killed);
    EXPECT(killed.status == BOXLITE_OK || main_execution.exit.finished ||
           killed.status == BOXLITE_STATUS_INVALID_STATE ||
           killed.status == BOXLITE_STATUS_STOPPED);
    drain_for(f.rt, 100);
  }
  EXPECT(main_execution.exit_code == 5 || main_execution.exit_code == -SIGUSR1);
  drain_until(f.rt, &other.exit.finalized);
  drain_until(f.rt, &main_execution.exit.finalized);
  capture_free(&other);
  capture_free(&main_execution);
  end(&f);
}

static void sigkill_ends_the_machine(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  completion killed;
  capture c;
  EXPECT_ERROR(boxlite_box_kill(box, SIGKILL, NULL, NULL, NULL, NULL, &err),
               BOXLITE_STATUS_INVALID_STATE, "created");
  EXPECT_ERROR(boxlite_box_kill(box, 0, NULL, NULL, NULL, NULL, &err),
               BOXLITE_STATUS_INVALID_ARGUMENT, "1 to 64");
  EXPECT_ERROR(boxlite_box_kill(box, 65, NULL, NULL, NULL, NULL, &err),
               BOXLITE_STATUS_INVALID_ARGUMENT, "1 to 64");
  start_waiting(rt, box, 0, &c);
  kill_box(rt, box, SIGKILL, &killed);
  EXPECT_EQ(killed.status, BOXLITE_OK);
  EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_STOPPED);
  drain_until(rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_STOPPED);
  capture_free(&c);
  remove_box(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void expect_name(const boxlite_box* box, const char* name) {
  boxlite_box_info* info = NULL;
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  EXPECT(strcmp(boxlite_box_info_name(info), name) == 0);
  boxlite_box_info_destroy(info);
}

static void a_box_can_be_given_another_name(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box *one = create_box(rt, 0), *two = create_box(rt, 0), *found = NULL;
  EXPECT_STATUS(boxlite_box_rename(one, "first", &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_box_rename(one, "first", &err), BOXLITE_OK);
  EXPECT_ERROR(boxlite_box_rename(two, "first", &err), BOXLITE_STATUS_ALREADY_EXISTS, "first");
  EXPECT_ERROR(boxlite_box_rename(two, "no/name", &err), BOXLITE_STATUS_INVALID_ARGUMENT,
               "no/name");
  expect_name(one, "first");
  expect_name(two, "");
  EXPECT_STATUS(boxlite_box_rename(one, NULL, &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_box_rename(two, "first", &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_box_get(&found, rt, "first", &err), BOXLITE_OK);
  EXPECT(strcmp(boxlite_box_id(found), boxlite_box_id(two)) == 0);
  expect_name(one, "");
  boxlite_box_destroy(found);
  remove_box(rt, one);
  EXPECT_STATUS(boxlite_box_rename(one, "gone", &err), BOXLITE_STATUS_NOT_FOUND);
  remove_box(rt, two);
  boxlite_box_destroy(one);
  boxlite_box_destroy(two);
  boxlite_runtime_destroy(rt);
}

static void a_box_set_detached_outlives_its_next_runtime(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  char id[27];
  capture c;
  EXPECT_ERROR(boxlite_box_set_detached(box, 2, &err), BOXLITE_STATUS_INVALID_ARGUMENT, "detached");
  EXPECT_STATUS(boxlite_box_set_detached(box, 1, &err), BOXLITE_OK);
  run_script(rt, box, "true", &c);
  capture_free(&c);
  EXPECT_ERROR(boxlite_box_set_detached(box, 0, &err), BOXLITE_STATUS_INVALID_STATE, "running");
  strcpy(id, boxlite_box_id(box));
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
  rt = open_runtime();
  EXPECT_STATUS(boxlite_box_get(&box, rt, id, &err), BOXLITE_OK);
  EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_RUNNING);
  stop_box(rt, box);
  remove_box(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

const test_case change_cases[] = {
    {"a_signal_reaches_the_main_execution", a_signal_reaches_the_main_execution},
    {"sigkill_ends_the_machine", sigkill_ends_the_machine},
    {"a_box_can_be_given_another_name", a_box_can_be_given_another_name},
    {"a_box_set_detached_outlives_its_next_runtime", a_box_set_detached_outlives_its_next_runtime},
    {NULL, NULL}};
