/* Boxes between runtimes and processes: who starts one, who finds it, what becomes of it when its
 * owner goes. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static void start_echo(capture* into, boxlite_box* box, const char* word) {
  const char* argv[] = {"echo", NULL};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  argv[1] = word;
  options.argv = argv;
  options.argc = 2;
  capture_start(into, box, &options);
}

static void remove_by_force(boxlite_runtime* rt, boxlite_box* box) {
  completion removed = {0};
  EXPECT_STATUS(boxlite_box_remove(box, BOXLITE_REMOVE_FORCE, completion_done, &removed,
                                   completion_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  EXPECT_EQ(removed.status, BOXLITE_OK);
}

/* One of them starts it, the others find it started, whoever comes first. */
static void runtimes_that_start_one_box_at_once_share_it(void) {
  enum { kCount = 3 };
  boxlite_runtime* rt[kCount];
  boxlite_box* box[kCount];
  static capture captured[kCount];
  int i;
  for (i = 0; i < kCount; ++i) rt[i] = open_runtime();
  box[0] = create_box(rt[0], 0);
  for (i = 1; i < kCount; ++i)
    EXPECT_STATUS(boxlite_box_get(&box[i], rt[i], boxlite_box_id(box[0]), &err), BOXLITE_OK);
  for (i = 0; i < kCount; ++i) start_echo(&captured[i], box[i], "shared");
  for (i = 0; i < kCount; ++i) {
    drain_until(rt[i], &captured[i].exit.finalized);
    EXPECT_EQ(captured[i].exit.status, BOXLITE_OK);
    EXPECT(strcmp(captured[i].out, "shared\n") == 0);
    capture_free(&captured[i]);
  }
  remove_by_force(rt[2], box[2]);
  for (i = 0; i < kCount; ++i) {
    boxlite_box_destroy(box[i]);
    boxlite_runtime_destroy(rt[i]);
  }
}

static void a_box_that_another_runtime_stopped_can_be_started_again(void) {
  boxlite_runtime* one = open_runtime();
  boxlite_runtime* two = open_runtime();
  boxlite_box* box = create_box(one, 0);
  boxlite_box* seen = NULL;
  capture c;
  run_script(one, box, "echo kept > /note", &c);
  capture_free(&c);
  EXPECT_STATUS(boxlite_box_get(&seen, two, boxlite_box_id(box), &err), BOXLITE_OK);
  stop_box(two, seen);
  EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_STOPPED);
  run_script(one, box, "cat /note", &c);
  EXPECT(strcmp(c.out, "kept\n") == 0);
  capture_free(&c);
  remove_by_force(two, seen);
  boxlite_box_destroy(seen);
  boxlite_runtime_destroy(two);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(one);
}

/* Runs a box, tells its id, and waits to be killed. */
static void own_a_box(int told) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  capture c;
  run_script(rt, box, "true", &c);
  EXPECT_EQ(write(told, boxlite_box_id(box), 26), 26);
  for (;;) pause();
}

static void a_box_ends_when_its_owner_is_killed(void) {
  boxlite_runtime* rt;
  boxlite_box* box = NULL;
  boxlite_box_info* info = NULL;
  char id[27] = "";
  int told[2], i;
  pid_t owner;
  EXPECT_EQ(pipe(told), 0);
  owner = fork();
  if (owner == 0) own_a_box(told[1]);
  close(told[1]);
  EXPECT_EQ(read(told[0], id, 26), 26);
  close(told[0]);
  EXPECT_EQ(kill(owner, SIGKILL), 0);
  EXPECT_EQ(waitpid(owner, NULL, 0), owner);
  rt = open_runtime();
  EXPECT_STATUS(boxlite_box_get(&box, rt, id, &err), BOXLITE_OK);
  for (i = 0; i < 600 && state_of(box) != BOXLITE_BOX_STATE_STOPPED; ++i) drain_for(rt, 100);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  EXPECT_EQ(boxlite_box_info_state(info), BOXLITE_BOX_STATE_STOPPED);
  EXPECT_EQ(boxlite_box_info_exit_reason(info), BOXLITE_EXIT_REASON_LIFELINE);
  boxlite_box_info_destroy(info);
  remove_by_force(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void a_detached_execution_goes_on_without_its_runtime(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, BOXLITE_BOX_DETACHED);
  const char* argv[] = {"sh", "-c", "echo started; sleep 2; seq 200000; echo done > /tmp/note"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c;
  char id[27];
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  options.flags = BOXLITE_EXEC_DETACHED;
  capture_start(&c, box, &options);
  while (!c.started) EXPECT(boxlite_runtime_drain(rt, 60000) > 0);
  snprintf(id, sizeof id, "%s", boxlite_box_id(box));
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_CANCELLED);
  capture_free(&c);
  rt = open_runtime();
  EXPECT_STATUS(boxlite_box_get(&box, rt, id, &err), BOXLITE_OK);
  run_script(rt, box, "until [ -e /tmp/note ]; do sleep 0.1; done; cat /tmp/note", &c);
  EXPECT(strcmp(c.out, "done\n") == 0);
  capture_free(&c);
  remove_by_force(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

/* An execution that is not detached is killed with the runtime that asked for it. */
static void an_execution_ends_with_its_runtime(void) {
  boxlite_runtime* one = open_runtime();
  boxlite_runtime* two = open_runtime();
  boxlite_box* box = create_box(one, 0);
  boxlite_box* seen = NULL;
  const char* argv[] = {"sleep", "1000"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c;
  run_script(one, box, "true", &c);
  capture_free(&c);
  EXPECT_STATUS(boxlite_box_get(&seen, two, boxlite_box_id(box), &err), BOXLITE_OK);
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  capture_start(&c, seen, &options);
  while (!c.started) EXPECT(boxlite_runtime_drain(two, 60000) > 0);
  boxlite_runtime_destroy(two);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_CANCELLED);
  EXPECT_EQ(c.exit.finalized, 1);
  EXPECT_STATUS(boxlite_execution_signal(c.execution, 9, &err), BOXLITE_STATUS_STOPPED);
  capture_free(&c);
  boxlite_box_destroy(seen);
  run_script(one, box, "while pgrep sleep; do sleep 0.1; done; echo gone", &c);
  EXPECT(strstr(c.out, "gone\n") != NULL);
  capture_free(&c);
  remove_by_force(one, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(one);
}

const test_case sharing_cases[] = {
    {"runtimes_that_start_one_box_at_once_share_it", runtimes_that_start_one_box_at_once_share_it},
    {"a_box_that_another_runtime_stopped_can_be_started_again",
     a_box_that_another_runtime_stopped_can_be_started_again},
    {"a_box_ends_when_its_owner_is_killed", a_box_ends_when_its_owner_is_killed},
    {"a_detached_execution_goes_on_without_its_runtime",
     a_detached_execution_goes_on_without_its_runtime},
    {"an_execution_ends_with_its_runtime", an_execution_ends_with_its_runtime},
    {NULL, NULL}};
