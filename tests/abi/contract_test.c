/* The callback contract that boxlite.h prints, clause by clause, with calls that need no running
 * box. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* A pull from a registry that nobody serves: starts, and completes with an error by callback. */
static boxlite_status start_failing_pull(boxlite_runtime* rt, boxlite_image_cb done, completion* c,
                                         boxlite_operation** operation, boxlite_error** err) {
  return boxlite_image_pull(rt, "127.0.0.1:1/nothing:here", NULL, done, c, completion_finalize,
                            operation, err);
}

static void pull_done(void* user_data, boxlite_status status, const boxlite_error* err,
                      const boxlite_image_info* image) {
  EXPECT((status == BOXLITE_OK) == (image != NULL));
  completion_done(user_data, status, err);
}

static void c01_a_call_that_failed_never_calls_back(void) {
  boxlite_runtime* rt = open_runtime();
  completion c = {0};
  EXPECT_STATUS(boxlite_image_pull(rt, "NOT A REFERENCE", NULL, pull_done, &c, completion_finalize,
                                   NULL, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  drain_for(rt, 200);
  boxlite_runtime_destroy(rt);
  EXPECT_EQ(c.finished, 0);
  EXPECT_EQ(c.finalized, 0);
}

static void c02_a_call_that_succeeded_completes_once_also_when_cancelled(void) {
  boxlite_runtime* rt = open_runtime();
  completion c = {0};
  boxlite_operation* operation = NULL;
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &c, &operation, &err), BOXLITE_OK);
  boxlite_operation_cancel(operation);
  boxlite_operation_cancel(operation);
  drain_until(rt, &c.finalized);
  EXPECT_EQ(c.status, BOXLITE_STATUS_CANCELLED);
  boxlite_operation_cancel(operation);
  drain_for(rt, 100);
  boxlite_operation_destroy(operation);
  boxlite_runtime_destroy(rt);
}

static void c03_no_callback_inside_the_call_that_asked(void) {
  boxlite_runtime* rt = open_runtime();
  completion c = {0};
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &c, NULL, &err), BOXLITE_OK);
  usleep(300 * 1000); /* long enough for it to be over: still nobody drains, so nothing runs */
  EXPECT_EQ(c.finished, 0);
  drain_until(rt, &c.finalized);
  EXPECT_EQ(c.status, BOXLITE_STATUS_NETWORK);
  boxlite_runtime_destroy(rt);
}

static void c06_arguments_are_borrowed_until_the_call_returns(void) {
  boxlite_runtime* rt = open_runtime();
  char* reference = strdup("127.0.0.1:1/nothing:here");
  completion c = {0};
  EXPECT_STATUS(
      boxlite_image_pull(rt, reference, NULL, pull_done, &c, completion_finalize, NULL, &err),
      BOXLITE_OK);
  memset(reference, 'x', strlen(reference));
  free(reference);
  drain_until(rt, &c.finalized);
  EXPECT(strstr(c.message, "127.0.0.1:1") != NULL);
  boxlite_runtime_destroy(rt);
}

static void c07_finalize_runs_without_a_done_callback(void) {
  boxlite_runtime* rt = open_runtime();
  completion c = {0};
  EXPECT_STATUS(boxlite_image_pull(rt, "127.0.0.1:1/nothing:here", NULL, NULL, &c,
                                   completion_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(rt, &c.finalized);
  EXPECT_EQ(c.finished, 0);
  boxlite_runtime_destroy(rt);
}

typedef struct nested {
  completion completion;
  boxlite_runtime* rt;
  boxlite_runtime* other;
} nested;

static void nested_done(void* user_data, boxlite_status status, const boxlite_error* err,
                        const boxlite_image_info* image) {
  nested* n = user_data;
  boxlite_box_list* list = NULL;
  boxlite_box* box;
  EXPECT_EQ(boxlite_runtime_drain(n->rt, 0), -BOXLITE_STATUS_WOULD_DEADLOCK);
  EXPECT_EQ(boxlite_runtime_drain(n->rt, -1), -BOXLITE_STATUS_WOULD_DEADLOCK);
  EXPECT_STATUS(boxlite_box_list_create(&list, n->rt, &err), BOXLITE_OK);
  boxlite_box_list_destroy(list);
  box = create_box(n->rt, 0);
  EXPECT_STATUS(boxlite_box_remove(box, 0, NULL, NULL, NULL, NULL, &err), BOXLITE_OK);
  boxlite_box_destroy(box);
  pull_done(&n->completion, status, err, image);
}

static void nested_finalize(void* user_data) {
  completion_finalize(&((nested*)user_data)->completion);
}

static void c08_calls_are_allowed_in_a_callback_and_a_drain_would_deadlock(void) {
  nested n = {{0}, NULL, NULL};
  n.rt = open_runtime();
  EXPECT_STATUS(boxlite_image_pull(n.rt, "127.0.0.1:1/nothing:here", NULL, nested_done, &n,
                                   nested_finalize, NULL, &err),
                BOXLITE_OK);
  drain_until(n.rt, &n.completion.finalized);
  drain_for(n.rt, 200);
  boxlite_runtime_destroy(n.rt);
}

/* Two threads drain; the callbacks must never overlap. */
typedef struct serial {
  boxlite_runtime* rt;
  int inside;
  int count;
  int stop;
} serial;

static void serial_done(void* user_data, boxlite_status status, const boxlite_error* err) {
  serial* s = user_data;
  (void)status, (void)err;
  EXPECT_EQ(__atomic_fetch_add(&s->inside, 1, __ATOMIC_SEQ_CST), 0);
  usleep(1000);
  __atomic_fetch_add(&s->count, 1, __ATOMIC_SEQ_CST);
  EXPECT_EQ(__atomic_fetch_sub(&s->inside, 1, __ATOMIC_SEQ_CST), 1);
}

static void* drain_thread(void* argument) {
  serial* s = argument;
  while (!__atomic_load_n(&s->stop, __ATOMIC_SEQ_CST))
    EXPECT(boxlite_runtime_drain(s->rt, 20) >= 0);
  return NULL;
}

static void c11_drains_are_serialised(void) {
  enum { kCalls = 40 };
  serial s = {NULL, 0, 0, 0};
  pthread_t one, two;
  int i;
  s.rt = open_runtime();
  pthread_create(&one, NULL, drain_thread, &s);
  pthread_create(&two, NULL, drain_thread, &s);
  for (i = 0; i < kCalls; ++i) {
    boxlite_box* box = create_box(s.rt, 0);
    EXPECT_STATUS(boxlite_box_remove(box, 0, serial_done, &s, NULL, NULL, &err), BOXLITE_OK);
    boxlite_box_destroy(box);
  }
  for (i = 0; i < 6000 && __atomic_load_n(&s.count, __ATOMIC_SEQ_CST) < kCalls; ++i) usleep(10000);
  EXPECT_EQ(s.count, kCalls);
  __atomic_store_n(&s.stop, 1, __ATOMIC_SEQ_CST);
  pthread_join(one, NULL);
  pthread_join(two, NULL);
  boxlite_runtime_destroy(s.rt);
}

static boxlite_error* kept;

static void keep_error(void* user_data, boxlite_status status, const boxlite_error* err,
                       const boxlite_image_info* image) {
  kept = boxlite_error_copy(err);
  pull_done(user_data, status, err, image);
}

static void c12_a_copied_error_outlives_the_callback(void) {
  boxlite_runtime* rt = open_runtime();
  completion c = {0};
  EXPECT_STATUS(start_failing_pull(rt, keep_error, &c, NULL, &err), BOXLITE_OK);
  drain_until(rt, &c.finalized);
  boxlite_runtime_destroy(rt);
  EXPECT_EQ(boxlite_error_status(kept), BOXLITE_STATUS_NETWORK);
  EXPECT(strcmp(boxlite_error_message(kept), c.message) == 0);
  boxlite_error_destroy(kept);
}

static int in_child(boxlite_runtime* rt, boxlite_box* box) {
  boxlite_box* other = NULL;
  boxlite_box_info* info = NULL;
  boxlite_exec_options exec = BOXLITE_EXEC_OPTIONS_INIT;
  boxlite_execution* execution = NULL;
  const char* argv[] = {"true"};
  exec.argv = argv;
  exec.argc = 1;
  EXPECT_EQ(boxlite_runtime_drain(rt, 0), -BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_box_get(&other, rt, "x", &err), BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_box_exec(&execution, box, &exec, &err), BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_box_start(box, NULL, NULL, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_runtime_shutdown(rt, 0, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_STATE);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
  return 0;
}

static void c14_a_forked_child_touches_nothing(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  completion removed = {0};
  int status = 0;
  pid_t child = fork();
  if (child == 0) _exit(in_child(rt, box));
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(state_of(box), BOXLITE_BOX_STATE_CREATED);
  EXPECT_STATUS(
      boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  EXPECT_EQ(removed.status, BOXLITE_OK);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static int readable(int fd) {
  struct pollfd wait = {fd, POLLIN, 0};
  return poll(&wait, 1, 0) == 1;
}

static void fd_is_readable_exactly_while_callbacks_wait(void) {
  boxlite_runtime* rt = open_runtime();
  int fd = boxlite_runtime_fd(rt);
  completion c = {0};
  struct pollfd wait = {fd, POLLIN, 0};
  EXPECT(fd >= 0);
  EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  EXPECT(!readable(fd));
  EXPECT_EQ(boxlite_runtime_drain(rt, 0), 0);
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &c, NULL, &err), BOXLITE_OK);
  EXPECT_EQ(poll(&wait, 1, 60000), 1);
  while (boxlite_runtime_drain(rt, 0) > 0) {
  }
  EXPECT_EQ(c.finalized, 1);
  EXPECT(!readable(fd));
  boxlite_runtime_destroy(rt);
}

static void drain_waits_for_the_first_callback(void) {
  boxlite_runtime* rt = open_runtime();
  completion c = {0};
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &c, NULL, &err), BOXLITE_OK);
  while (!c.finalized) EXPECT(boxlite_runtime_drain(rt, -1) > 0);
  boxlite_runtime_destroy(rt);
}

static void drain_thread_option_needs_no_drain(void) {
  boxlite_runtime_options options = BOXLITE_RUNTIME_OPTIONS_INIT;
  boxlite_runtime* rt = NULL;
  completion c = {0};
  int i;
  options.home_dir = test_home();
  options.flags = BOXLITE_RUNTIME_DRAIN_THREAD;
  EXPECT_STATUS(boxlite_runtime_create(&rt, &options, &err), BOXLITE_OK);
  EXPECT_EQ(boxlite_runtime_fd(rt), -1);
  EXPECT_EQ(boxlite_runtime_drain(rt, 0), -BOXLITE_STATUS_WOULD_DEADLOCK);
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &c, NULL, &err), BOXLITE_OK);
  for (i = 0; i < 6000 && !__atomic_load_n(&c.finalized, __ATOMIC_SEQ_CST); ++i) usleep(10000);
  EXPECT_EQ(c.finalized, 1);
  boxlite_runtime_destroy(rt);
}

static void shutdown_completes_after_everything_else(void) {
  boxlite_runtime* rt = open_runtime();
  completion pull = {0}, shutdown = {0};
  boxlite_box* box = create_box(rt, 0);
  boxlite_box* other = NULL;
  completion removed = {0};
  EXPECT_STATUS(
      boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &pull, NULL, &err), BOXLITE_OK);
  EXPECT_STATUS(
      boxlite_runtime_shutdown(rt, 0, completion_done, &shutdown, completion_finalize, &err),
      BOXLITE_OK);
  EXPECT_STATUS(boxlite_box_get(&other, rt, "x", &err), BOXLITE_STATUS_STOPPED);
  while (!shutdown.finalized) {
    EXPECT(boxlite_runtime_drain(rt, 1000) >= 0);
    EXPECT(!shutdown.finished || (pull.finalized && removed.finalized));
  }
  EXPECT_EQ(shutdown.status, BOXLITE_OK);
  EXPECT_EQ(boxlite_runtime_drain(rt, 0), -BOXLITE_STATUS_STOPPED);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void shutdown_twice_completes_twice(void) {
  boxlite_runtime* rt = open_runtime();
  completion one = {0}, two = {0};
  EXPECT_STATUS(boxlite_runtime_shutdown(rt, 0, completion_done, &one, completion_finalize, &err),
                BOXLITE_OK);
  EXPECT_STATUS(boxlite_runtime_shutdown(rt, 0, completion_done, &two, completion_finalize, &err),
                BOXLITE_OK);
  while (!one.finalized || !two.finalized) EXPECT(boxlite_runtime_drain(rt, 1000) >= 0);
  boxlite_runtime_destroy(rt);
}

static void destroy_completes_what_is_outstanding(void) {
  boxlite_runtime* rt = open_runtime();
  completion pull = {0};
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &pull, NULL, &err), BOXLITE_OK);
  boxlite_runtime_destroy(rt);
  EXPECT_EQ(pull.finalized, 1);
  EXPECT(pull.status == BOXLITE_STATUS_CANCELLED || pull.status == BOXLITE_STATUS_NETWORK);
}

static void destroying_done(void* user_data, boxlite_status status, const boxlite_error* err,
                            const boxlite_image_info* image) {
  nested* n = user_data;
  pull_done(&n->completion, status, err, image);
  boxlite_runtime_destroy(n->rt);
  EXPECT_EQ(n->completion.finalized, 0);
}

static void destroy_in_a_callback_is_put_off_to_the_end_of_the_drain(void) {
  nested n = {{0}, NULL, NULL};
  n.rt = open_runtime();
  EXPECT_STATUS(boxlite_image_pull(n.rt, "127.0.0.1:1/nothing:here", NULL, destroying_done, &n,
                                   nested_finalize, NULL, &err),
                BOXLITE_OK);
  while (!n.completion.finished) EXPECT(boxlite_runtime_drain(n.rt, 60000) > 0);
  EXPECT_EQ(n.completion.finalized, 1);
}

static void a_box_outlives_its_runtime_and_answers_stopped(void) {
  boxlite_runtime* rt = open_runtime();
  boxlite_box* box = create_box(rt, 0);
  boxlite_box_info* info = NULL;
  completion removed = {0};
  char id[27];
  snprintf(id, sizeof id, "%s", boxlite_box_id(box));
  boxlite_runtime_destroy(rt);
  EXPECT(strcmp(boxlite_box_id(box), id) == 0);
  EXPECT_STATUS(boxlite_box_get_info(&info, box, &err), BOXLITE_STATUS_STOPPED);
  EXPECT_STATUS(boxlite_box_start(box, NULL, NULL, NULL, NULL, NULL, &err), BOXLITE_STATUS_STOPPED);
  boxlite_box_destroy(box);

  rt = open_runtime();
  EXPECT_STATUS(boxlite_box_get(&box, rt, id, &err), BOXLITE_OK);
  EXPECT_STATUS(
      boxlite_box_remove(box, 0, completion_done, &removed, completion_finalize, NULL, &err),
      BOXLITE_OK);
  drain_until(rt, &removed.finalized);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(rt);
}

static void log_line(void* user_data, boxlite_log_level level, const char* line) {
  EXPECT(level >= BOXLITE_LOG_LEVEL_ERROR && level <= BOXLITE_LOG_LEVEL_TRACE);
  EXPECT(line != NULL && strchr(line, '\n') == NULL);
  __atomic_fetch_add((int*)user_data, 1, __ATOMIC_SEQ_CST);
}

static int log_finalized;

static void log_finalize(void* user_data) {
  (void)user_data;
  EXPECT_EQ(log_finalized, 0);
  log_finalized = 1;
}

static void log_sink_gets_lines_until_the_runtime_is_gone(void) {
  boxlite_runtime_options options = BOXLITE_RUNTIME_OPTIONS_INIT;
  boxlite_runtime* rt = NULL;
  completion c = {0};
  int lines = 0;
  options.home_dir = test_home();
  options.log_level = BOXLITE_LOG_LEVEL_TRACE;
  options.log = log_line;
  options.log_user_data = &lines;
  options.log_finalize = log_finalize;
  EXPECT_STATUS(boxlite_runtime_create(&rt, &options, &err), BOXLITE_OK);
  EXPECT_STATUS(start_failing_pull(rt, pull_done, &c, NULL, &err), BOXLITE_OK);
  drain_until(rt, &c.finalized);
  EXPECT_EQ(log_finalized, 0);
  boxlite_runtime_destroy(rt);
  EXPECT(lines > 0);
  EXPECT_EQ(log_finalized, 1);
}

const test_case contract_cases[] = {
    {"c01_a_call_that_failed_never_calls_back", c01_a_call_that_failed_never_calls_back},
    {"c02_a_call_that_succeeded_completes_once_also_when_cancelled",
     c02_a_call_that_succeeded_completes_once_also_when_cancelled},
    {"c03_no_callback_inside_the_call_that_asked", c03_no_callback_inside_the_call_that_asked},
    {"c06_arguments_are_borrowed_until_the_call_returns",
     c06_arguments_are_borrowed_until_the_call_returns},
    {"c07_finalize_runs_without_a_done_callback", c07_finalize_runs_without_a_done_callback},
    {"c08_calls_are_allowed_in_a_callback_and_a_drain_would_deadlock",
     c08_calls_are_allowed_in_a_callback_and_a_drain_would_deadlock},
    {"c11_drains_are_serialised", c11_drains_are_serialised},
    {"c12_a_copied_error_outlives_the_callback", c12_a_copied_error_outlives_the_callback},
    {"c14_a_forked_child_touches_nothing", c14_a_forked_child_touches_nothing},
    {"fd_is_readable_exactly_while_callbacks_wait", fd_is_readable_exactly_while_callbacks_wait},
    {"drain_waits_for_the_first_callback", drain_waits_for_the_first_callback},
    {"drain_thread_option_needs_no_drain", drain_thread_option_needs_no_drain},
    {"shutdown_completes_after_everything_else", shutdown_completes_after_everything_else},
    {"shutdown_twice_completes_twice", shutdown_twice_completes_twice},
    {"destroy_completes_what_is_outstanding", destroy_completes_what_is_outstanding},
    {"destroy_in_a_callback_is_put_off_to_the_end_of_the_drain",
     destroy_in_a_callback_is_put_off_to_the_end_of_the_drain},
    {"a_box_outlives_its_runtime_and_answers_stopped",
     a_box_outlives_its_runtime_and_answers_stopped},
    {"log_sink_gets_lines_until_the_runtime_is_gone",
     log_sink_gets_lines_until_the_runtime_is_gone},
    {NULL, NULL}};
