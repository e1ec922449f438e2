/* Boxes from start to end: found by others, killed, cancelled, left behind, four at once. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static int child_signals;

static void on_child(int number) {
  (void)number;
  ++child_signals;
}

/* The user's wait() meets none of our processes, and their SIGCHLD handler does not run for them.
 */
static void no_helper_is_a_child_of_the_user(void) {
  boxlite_runtime* rt;
  boxlite_box* box;
  capture c;
  signal(SIGCHLD, on_child);
  rt = open_runtime();
  box = create_box(rt, BOXLITE_BOX_AUTO_REMOVE);
  run_script(rt, box, "true", &c);
  capture_free(&c);
  EXPECT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  stop_box(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
  EXPECT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  EXPECT_EQ(child_signals, 0);
}

static void start_and_stop_may_be_repeated(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  capture c;
  int i;
  for (i = 0; i < 2; ++i) {
    completion started = {0}, again = {0};
    EXPECT_STATUS(
        boxlite_box_start(box, NULL, completion_done, &started, completion_finalize, NULL, &err),
        BOXLITE_OK);
    EXPECT_STATUS(
        boxlite_box_start(box, NULL, completion_done, &again, completion_finalize, NULL, &err),
        BOXLITE_OK);
    drain_until(rt, &started.finalized);
    drain_until(rt, &again.finalized);
    EXPECT_EQ(started.status, BOXLITE_OK);
    EXPECT_EQ(again.status, BOXLITE_OK);
    EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_RUNNING);
    run_script(rt, box, "cat /root/state 2>/dev/null; echo kept > /root/state", &c);
    /* The disk of a box that is not removed at its end outlives a stop. */
    EXPECT((i == 0) ? c.out == NULL : strcmp(c.out, "kept\n") == 0);
    capture_free(&c);
    stop_box(rt, box);
    stop_box(rt, box);
    EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_STOPPED);
  }
  {
    completion removed = {0};
    EXPECT_STATUS(
        boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
        BOXLITE_OK);
    drain_until(rt, &removed.finalized);
    EXPECT_EQ(removed.status, BOXLITE_OK);
  }
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void info_of_a_running_box_tells_what_runs_it(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, BOXLITE_BOX_AUTO_REMOVE);
  boxlite_box_info* info = NULL;
  capture c;
  run_script(rt, box, "true", &c);
  capture_free(&c);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  EXPECT_EQ(boxlite_box_info_state(info), BOXLITE_BOX_STATE_RUNNING);
  EXPECT(boxlite_box_info_pid(info) > 0);
  EXPECT_EQ(kill((pid_t)boxlite_box_info_pid(info), 0), 0);
  EXPECT(boxlite_box_info_started_at_ms(info) >= boxlite_box_info_created_at_ms(info));
  EXPECT(boxlite_box_info_engine(info) != BOXLITE_ENGINE_AUTO);
  EXPECT(boxlite_box_info_isolation(info) != BOXLITE_ISOLATION_ANY);
  EXPECT(*boxlite_box_info_engine_reason(info) != '\0');
  EXPECT(strstr(boxlite_box_info_jail(info), "system calls: filtered") != NULL);
  EXPECT_EQ(boxlite_box_info_exit_reason(info), BOXLITE_EXIT_REASON_NONE);
  boxlite_box_info_destroy(info);
  stop_box(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void remove_box(boxlite_runtime* rt, boxlite_box* box) {
  completion removed = {0};
  EXPECT_STATUS(boxlite_box_remove(box, BOXLITE_REMOVE_FORCE, completion_done, &removed,
                                   completion_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  EXPECT_EQ(removed.status, BOXLITE_OK);
}

static void remove_and_close(boxlite_runtime* rt, boxlite_box* box) {
  remove_box(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void expect_ended(boxlite_runtime* rt, boxlite_box* box, boxlite_exit_reason reason) {
  boxlite_box_info* info = NULL;
  int i;
  for (i = 0; i < 600 && state_of(box) != BOXLITE_BOX_STATE_STOPPED; ++i) drain_for(rt, 100);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  EXPECT_EQ(boxlite_box_info_state(info), BOXLITE_BOX_STATE_STOPPED);
  if (boxlite_box_info_exit_reason(info) != reason)
    fprintf(stderr, "reason: %s, detail: %s\n",
            boxlite_exit_reason_name(boxlite_box_info_exit_reason(info)),
            boxlite_box_info_exit_detail(info));
  EXPECT_EQ(boxlite_box_info_exit_reason(info), reason);
  EXPECT(boxlite_box_info_stopped_at_ms(info) > 0);
  EXPECT_EQ(boxlite_box_info_pid(info), 0);
  boxlite_box_info_destroy(info);
}

static pid_t pid_of(boxlite_box* box) {
  boxlite_box_info* info = NULL;
  pid_t pid;
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  pid = (pid_t)boxlite_box_info_pid(info);
  boxlite_box_info_destroy(info);
  return pid;
}

static void start_sleeping(boxlite_runtime* rt, boxlite_box* box, capture* c) {
  const char* argv[] = {"sleep", "1000"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  options.argv = argv;
  options.argc = 2;
  capture_start(c, box, &options);
  drain_until(rt, &c->started);
}

static void a_killed_box_ends_its_executions_and_says_so(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  capture c;
  start_sleeping(rt, box, &c);
  EXPECT_EQ(kill(pid_of(box), SIGKILL), 0);
  drain_until(rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_STOPPED);
  expect_ended(rt, box, BOXLITE_EXIT_REASON_KILLED);
  capture_free(&c);
  remove_and_close(rt, box);
}

/* The one child of boxlite-vm. */
static pid_t only_child_of(pid_t parent) {
  char path[64];
  FILE* file;
  int pid = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
  file = fopen(path, "r");
  EXPECT(file != NULL && fscanf(file, "%d", &pid) == 1);
  fclose(file);
  return (pid_t)pid;
}

/* A box whose machine is a process of its own, whatever this host would choose. */
static boxlite_box* create_qemu_box(boxlite_runtime* rt) {
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_box* box = NULL;
  options.rootfs_path = test_rootfs();
  options.engine = BOXLITE_ENGINE_QEMU;
  EXPECT_STATUS(boxlite_box_create(&box, rt, &options, &err), BOXLITE_OK);
  return box;
}

static void a_killed_qemu_ends_the_box_and_says_so(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_qemu_box(rt);
  capture c;
  start_sleeping(rt, box, &c);
  EXPECT_EQ(kill(only_child_of(pid_of(box)), SIGKILL), 0);
  drain_until(rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_STOPPED);
  expect_ended(rt, box, BOXLITE_EXIT_REASON_KILLED);
  capture_free(&c);
  remove_and_close(rt, box);
}

/* A guest that cannot keep a command's time limit any more: its machine stands still. */
static void a_limit_that_the_guest_does_not_keep_ends_the_box(void) {
  const char* argv[] = {"sleep", "1000"};
  boxlite_exec_options exec = BOXLITE_EXEC_OPTIONS_INIT;
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_qemu_box(rt);
  capture c;
  exec.argv = argv;
  exec.argc = 2;
  exec.timeout_ms = 3000;
  capture_start(&c, box, &exec);
  drain_until(rt, &c.started);
  EXPECT_EQ(kill(only_child_of(pid_of(box)), SIGSTOP), 0);
  drain_until(rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, BOXLITE_OK);
  EXPECT_EQ(c.timed_out, 1);
  EXPECT_EQ(c.exit_code, -SIGKILL);
  expect_ended(rt, box, BOXLITE_EXIT_REASON_STOPPED);
  capture_free(&c);
  remove_and_close(rt, box);
}

static void a_panic_is_reported_with_the_kernels_lines(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  boxlite_box_info* info = NULL;
  capture c;
  run_script(rt, box, "echo c > /proc/sysrq-trigger; sleep 100", &c);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_STOPPED);
  expect_ended(rt, box, BOXLITE_EXIT_REASON_PANIC);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  EXPECT(strstr(boxlite_box_info_exit_detail(info), "sysrq") != NULL);
  boxlite_box_info_destroy(info);
  capture_free(&c);
  remove_and_close(rt, box);
}

static void a_reset_by_the_guest_is_reported(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  capture c;
  run_script(rt, box, "echo b > /proc/sysrq-trigger; sleep 100", &c);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_STOPPED);
  expect_ended(rt, box, BOXLITE_EXIT_REASON_RESET);
  capture_free(&c);
  remove_and_close(rt, box);
}

static void a_start_can_be_cancelled(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  completion started = {0};
  boxlite_operation* operation = NULL;
  capture c;
  EXPECT_STATUS(boxlite_box_start(box, NULL, completion_done, &started, completion_finalize,
                                  &operation, &err),
                BOXLITE_OK);
  boxlite_operation_cancel(operation);
  drain_until(rt, &started.finalized);
  EXPECT_EQ(started.status, BOXLITE_STATUS_CANCELLED);
  boxlite_operation_destroy(operation);
  run_script(rt, box, "echo works", &c);
  EXPECT(c.out != NULL && strcmp(c.out, "works\n") == 0);
  capture_free(&c);
  remove_and_close(rt, box);
}

static void a_box_that_is_not_detached_ends_with_its_runtime(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  char id[27];
  capture c;
  run_script(rt, box, "true", &c);
  capture_free(&c);
  snprintf(id, sizeof id, "%s", boxlite_box_id(box));
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
  rt = open_runtime();
  EXPECT_STATUS(boxlite_box_get(&box, rt, id, &err), BOXLITE_OK);
  {
    int i;
    for (i = 0; i < 600 && state_of(box) != BOXLITE_BOX_STATE_STOPPED; ++i) drain_for(rt, 100);
  }
  EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_STOPPED);
  remove_and_close(rt, box);
}

static void a_detached_box_lives_on_and_is_found_again(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, BOXLITE_BOX_DETACHED | BOXLITE_BOX_AUTO_REMOVE);
  char id[27];
  capture c;
  run_script(rt, box, "echo from the first > /tmp/note", &c);
  capture_free(&c);
  snprintf(id, sizeof id, "%s", boxlite_box_id(box));
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
  rt = open_runtime();
  EXPECT_STATUS(boxlite_box_get(&box, rt, id, &err), BOXLITE_OK);
  EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_RUNNING);
  run_script(rt, box, "cat /tmp/note", &c);
  EXPECT(c.out != NULL && strcmp(c.out, "from the first\n") == 0);
  capture_free(&c);
  stop_box(rt, box);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void main_execution_ends_the_box_with_its_code(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  const char* argv[] = {"sh", "-c", "exit 6"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  boxlite_box_info* info = NULL;
  capture c;
  options.argv = argv;
  options.argc = 3;
  options.flags = BOXLITE_EXEC_MAIN;
  capture_start(&c, box, &options);
  drain_until(rt, &c.exit.finalized);
  EXPECT_EQ(c.exit_code, 6);
  expect_ended(rt, box, BOXLITE_EXIT_REASON_MAIN_EXITED);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_OK);
  EXPECT_EQ(boxlite_box_info_exit_code(info), 6);
  boxlite_box_info_destroy(info);
  capture_free(&c);
  remove_and_close(rt, box);
}

static void remove_of_a_running_box_needs_force(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  completion removed = {0};
  capture c;
  start_sleeping(rt, box, &c);
  EXPECT_STATUS(
      boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  EXPECT_EQ(removed.status, BOXLITE_STATUS_INVALID_STATE);
  remove_box(rt, box);
  drain_until(rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, BOXLITE_STATUS_STOPPED);
  capture_free(&c);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void four_boxes_at_once(void) {
  enum { kCount = 4 };
  boxlite_runtime* rt = open_runtime();
  boxlite_box* boxes[kCount];
  capture captured[kCount];
  char scripts[kCount][32];
  int i;
  for (i = 0; i < kCount; ++i) {
    const char* argv[] = {"sh", "-c", scripts[i]};
    boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
    snprintf(scripts[i], sizeof scripts[i], "echo box %d", i);
    options.argv = argv;
    options.argc = 3;
    boxes[i] = create_box(rt, BOXLITE_BOX_AUTO_REMOVE);
    capture_start(&captured[i], boxes[i], &options);
  }
  for (i = 0; i < kCount; ++i) {
    char wanted[32];
    drain_until(rt, &captured[i].exit.finalized);
    if (captured[i].exit.status != BOXLITE_OK) fprintf(stderr, "%s\n", captured[i].exit.message);
    EXPECT_EQ(captured[i].exit.status, BOXLITE_OK);
    snprintf(wanted, sizeof wanted, "box %d\n", i);
    EXPECT(strcmp(captured[i].out, wanted) == 0);
    capture_free(&captured[i]);
  }
  for (i = 0; i < kCount; ++i) {
    stop_box(rt, boxes[i]);
    boxlite_box_destroy(boxes[i]);
  }
  boxlite_runtime_destroy(rt);
}

static void hardware_isolation_that_is_not_there_is_refused(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_box* box = NULL;
  completion started = {0};
  options.rootfs_path = test_rootfs();
  options.isolation = BOXLITE_ISOLATION_HARDWARE;
  options.engine = BOXLITE_ENGINE_QEMU;
  EXPECT_STATUS(boxlite_box_create(&box, rt, &options, &err), BOXLITE_OK);
  EXPECT_STATUS(
      boxlite_box_start(box, NULL, completion_done, &started, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &started.finalized);
  EXPECT_EQ(started.status, BOXLITE_STATUS_ENGINE);
  EXPECT(strstr(started.message, "hardware") != NULL);
  remove_and_close(rt, box);
}

static void parts_that_are_missing_are_named(void) {
  boxlite_runtime* rt;
  boxlite_box* box;
  completion started = {0};
  EXPECT_EQ(setenv("BOXLITE_RUNTIME_DIR", test_home(), 1), 0);
  rt = open_runtime();
  box = create_box(rt, 0);
  EXPECT_STATUS(
      boxlite_box_start(box, NULL, completion_done, &started, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &started.finalized);
  EXPECT_EQ(started.status, BOXLITE_STATUS_CONFIG);
  EXPECT(strstr(started.message, test_home()) != NULL);
  remove_and_close(rt, box);
}

const test_case lifecycle_cases[] = {
    {"no_helper_is_a_child_of_the_user", no_helper_is_a_child_of_the_user},
    {"start_and_stop_may_be_repeated", start_and_stop_may_be_repeated},
    {"info_of_a_running_box_tells_what_runs_it", info_of_a_running_box_tells_what_runs_it},
    {"a_killed_box_ends_its_executions_and_says_so", a_killed_box_ends_its_executions_and_says_so},
    {"a_killed_qemu_ends_the_box_and_says_so", a_killed_qemu_ends_the_box_and_says_so},
    {"a_limit_that_the_guest_does_not_keep_ends_the_box",
     a_limit_that_the_guest_does_not_keep_ends_the_box},
    {"a_panic_is_reported_with_the_kernels_lines", a_panic_is_reported_with_the_kernels_lines},
    {"a_reset_by_the_guest_is_reported", a_reset_by_the_guest_is_reported},
    {"a_start_can_be_cancelled", a_start_can_be_cancelled},
    {"a_box_that_is_not_detached_ends_with_its_runtime",
     a_box_that_is_not_detached_ends_with_its_runtime},
    {"a_detached_box_lives_on_and_is_found_again", a_detached_box_lives_on_and_is_found_again},
    {"main_execution_ends_the_box_with_its_code", main_execution_ends_the_box_with_its_code},
    {"remove_of_a_running_box_needs_force", remove_of_a_running_box_needs_force},
    {"four_boxes_at_once", four_boxes_at_once},
    {"hardware_isolation_that_is_not_there_is_refused",
     hardware_isolation_that_is_not_there_is_refused},
    {"parts_that_are_missing_are_named", parts_that_are_missing_are_named},
    {NULL, NULL}};
