/* Executions in a real box: order, streams, credit, signals, errors. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "harness.h"

static void c04_start_then_chunks_then_exit(void) {
  fixture f = begin();
  capture c;
  run_script(f.rt, f.box, "echo one; echo problem >&2; echo two; exit 3", &c);
  EXPECT_EQ(c.exit.status, BOXLITE_OK);
  EXPECT_EQ(c.exit_code, 3);
  EXPECT(strcmp(c.out, "one\ntwo\n") == 0);
  EXPECT(strcmp(c.err, "problem\n") == 0);
  EXPECT(*boxlite_execution_id(c.execution) != '\0');
  capture_free(&c);
  end(&f);
}

static void expect_not_started(fixture* f, boxlite_exec_options* options, boxlite_status status,
                               int os_errno, const char* text) {
  capture c;
  capture_start(&c, f->box, options);
  drain_until(f->rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, status);
  EXPECT(os_errno == 0 || c.exit.os_errno == os_errno);
  if (strstr(c.exit.message, text) == NULL) fprintf(stderr, "message: %s\n", c.exit.message);
  EXPECT(strstr(c.exit.message, text) != NULL);
  EXPECT_EQ(c.started, 0);
  capture_free(&c);
}

static void what_cannot_start_says_why(void) {
  fixture f = begin();
  const char* missing[] = {"no-such-command"};
  const char* no_program[] = {"/etc/passwd"};
  const char* works[] = {"true"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  options.argc = 1;
  options.argv = missing;
  expect_not_started(&f, &options, BOXLITE_STATUS_EXECUTION, ENOENT, "no-such-command");
  options.argv = no_program;
  expect_not_started(&f, &options, BOXLITE_STATUS_EXECUTION, EACCES, "/etc/passwd");
  options.argv = works;
  options.cwd = "/no/such/directory";
  expect_not_started(&f, &options, BOXLITE_STATUS_INVALID_ARGUMENT, 0, "/no/such/directory");
  options.cwd = NULL;
  options.user = "nobody-knows";
  expect_not_started(&f, &options, BOXLITE_STATUS_INVALID_ARGUMENT, 0, "nobody-knows");
  end(&f);
}

static void two_megabytes_of_arguments_are_an_error_of_the_execution(void) {
  enum { kCount = 32, kSize = 65536 };
  fixture f = begin();
  static char text[kSize + 1];
  const char* argv[kCount + 1];
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c;
  int i;
  memset(text, 'x', kSize);
  argv[0] = "true";
  for (i = 1; i <= kCount; ++i) argv[i] = text;
  options.argv = argv;
  options.argc = kCount + 1;
  expect_not_started(&f, &options, BOXLITE_STATUS_EXECUTION, E2BIG, "");
  run_script(f.rt, f.box, "echo still here", &c);
  EXPECT(strcmp(c.out, "still here\n") == 0);
  capture_free(&c);
  end(&f);
}

static void arguments_and_environment_are_bytes(void) {
  fixture f = begin();
  const char* argv[] = {"sh", "-c", "printf %s \"$1$X\"", "sh", "\xff\xfe"};
  const char* env[] = {"X=\x80=\x81"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c;
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  options.env = env;
  options.env_count = 1;
  capture_start(&c, f.box, &options);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT(c.out_size == 5 && memcmp(c.out, "\xff\xfe\x80=\x81", 5) == 0);
  capture_free(&c);
  end(&f);
}

static void user_cwd_and_environment_reach_the_command(void) {
  fixture f = begin();
  const char* argv[] = {"sh", "-c", "echo $(id -un) $(pwd) $HOME $A"};
  const char* env[] = {"A=b c"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c;
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  options.env = env;
  options.env_count = 1;
  options.cwd = "/tmp";
  options.user = "guest";
  capture_start(&c, f.box, &options);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT(strcmp(c.out, "guest /tmp /home/guest b c\n") == 0);
  capture_free(&c);
  end(&f);
}

static void big_input_comes_back_whole(void) {
  enum { kSize = 8 * 1024 * 1024, kPiece = 1024 * 1024 };
  fixture f = begin();
  const char* argv[] = {"cat"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  uint8_t* data = malloc(kSize);
  completion taken = {0};
  size_t sent = 0;
  capture c;
  size_t i;
  for (i = 0; i < kSize; ++i) data[i] = (uint8_t)(i * 2654435761u >> 13);
  options.argv = argv;
  options.argc = 1;
  options.flags = BOXLITE_EXEC_STDIN;
  capture_start(&c, f.box, &options);
  while (sent < kSize) {
    completion* last = sent + kPiece == kSize ? &taken : NULL;
    boxlite_status status = boxlite_execution_write_stdin(c.execution, data + sent, kPiece,
                                                          last ? completion_done : NULL, last,
                                                          last ? completion_finalize : NULL, NULL);
    EXPECT(status == BOXLITE_OK || status == BOXLITE_STATUS_BUSY);
    if (status == BOXLITE_OK) sent += kPiece;
    EXPECT(boxlite_runtime_drain(f.rt, 10) >= 0);
  }
  EXPECT_STATUS(boxlite_execution_close_stdin(c.execution, &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_execution_close_stdin(c.execution, &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_execution_write_stdin(c.execution, "x", 1, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_STATE);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT_EQ(taken.status, BOXLITE_OK);
  EXPECT_EQ(taken.finalized, 1);
  EXPECT_EQ(c.out_size, kSize);
  EXPECT(memcmp(c.out, data, kSize) == 0);
  EXPECT_STATUS(boxlite_execution_write_stdin(c.execution, "x", 1, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_STOPPED);
  free(data);
  capture_free(&c);
  end(&f);
}

static void exit_while_stdin_is_open_completes_the_writes(void) {
  fixture f = begin();
  const char* argv[] = {"true"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  static uint8_t data[2 * 1024 * 1024];
  completion written = {0};
  capture c;
  options.argv = argv;
  options.argc = 1;
  options.flags = BOXLITE_EXEC_STDIN;
  capture_start(&c, f.box, &options);
  EXPECT_STATUS(boxlite_execution_write_stdin(c.execution, data, sizeof data, completion_done,
                                              &written, completion_finalize, &err),
                BOXLITE_OK);
  drain_until(f.rt, &c.exit.finalized);
  drain_until(f.rt, &written.finalized);
  EXPECT_EQ(c.exit_code, 0);
  /* The guest may have taken it all before it found that nobody reads. */
  EXPECT(written.status == BOXLITE_STATUS_STOPPED || written.status == BOXLITE_OK);
  capture_free(&c);
  end(&f);
}

static void stdin_without_the_flag_is_empty_and_not_writable(void) {
  fixture f = begin();
  capture c;
  run_script(f.rt, f.box, "cat; echo end", &c);
  EXPECT(strcmp(c.out, "end\n") == 0);
  EXPECT_STATUS(boxlite_execution_write_stdin(c.execution, "x", 1, NULL, NULL, NULL, &err),
                BOXLITE_STATUS_INVALID_STATE);
  capture_free(&c);
  end(&f);
}

static void timeout_takes_the_whole_tree(void) {
  fixture f = begin();
  const char* argv[] = {"sh", "-c", "sleep 1000 & sleep 1001 & echo begun; wait"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c, after;
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  options.timeout_ms = 1500;
  capture_start(&c, f.box, &options);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT_EQ(c.exit.status, BOXLITE_OK);
  EXPECT_EQ(c.timed_out, 1);
  EXPECT_EQ(c.exit_code, -SIGKILL);
  EXPECT(strcmp(c.out, "begun\n") == 0);
  run_script(f.rt, f.box, "ps | grep -c '[s]leep 100'", &after);
  EXPECT(strcmp(after.out, "0\n") == 0);
  capture_free(&c);
  capture_free(&after);
  end(&f);
}

static void wait_for_output(boxlite_runtime* rt, const capture* c, const char* text) {
  while (c->out == NULL || strstr(c->out, text) == NULL) {
    EXPECT(!c->exit.finished);
    EXPECT(boxlite_runtime_drain(rt, 1000) >= 0);
  }
}

static void signal_reaches_the_process_and_kill_the_tree(void) {
  fixture f = begin();
  const char* argv[] = {"sh", "-c",
                        ("trap 'echo caught' USR1; sleep 1000 & echo ready; while :; do sleep 0.1; "
                         "done")};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c, after;
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  capture_start(&c, f.box, &options);
  wait_for_output(f.rt, &c, "ready");
  EXPECT_STATUS(boxlite_execution_signal(c.execution, 0, &err), BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_execution_signal(c.execution, 65, &err), BOXLITE_STATUS_INVALID_ARGUMENT);
  EXPECT_STATUS(boxlite_execution_resize(c.execution, 1, 1, &err), BOXLITE_STATUS_INVALID_STATE);
  EXPECT_STATUS(boxlite_execution_signal(c.execution, SIGUSR1, &err), BOXLITE_OK);
  wait_for_output(f.rt, &c, "caught");
  EXPECT_STATUS(boxlite_execution_kill(c.execution, SIGKILL, &err), BOXLITE_OK);
  EXPECT_STATUS(boxlite_execution_kill(c.execution, SIGKILL, &err), BOXLITE_OK);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT_EQ(c.exit_code, -SIGKILL);
  EXPECT_EQ(c.timed_out, 0);
  EXPECT_STATUS(boxlite_execution_kill(c.execution, SIGKILL, &err), BOXLITE_OK);
  run_script(f.rt, f.box, "ps | grep -c '[s]leep 1000'", &after);
  EXPECT(strcmp(after.out, "0\n") == 0);
  capture_free(&c);
  capture_free(&after);
  end(&f);
}

static void a_terminal_has_a_size_that_can_change(void) {
  fixture f = begin();
  const char* argv[] = {"sh", "-c",
                        ("stty size; until [ \"$(stty size)\" = '50 132' ]; do sleep 0.1; done; "
                         "stty size; test -t 0 && test -t 1 && test -t 2 && echo terminal")};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  capture c;
  options.argv = argv;
  options.argc = COUNT_OF(argv);
  options.flags = BOXLITE_EXEC_TTY | BOXLITE_EXEC_STDIN;
  options.rows = 30;
  options.columns = 90;
  capture_start(&c, f.box, &options);
  wait_for_output(f.rt, &c, "30 90");
  EXPECT_STATUS(boxlite_execution_resize(c.execution, 50, 132, &err), BOXLITE_OK);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT(strstr(c.out, "50 132") != NULL);
  EXPECT(strstr(c.out, "terminal") != NULL);
  EXPECT_EQ(c.err_size, 0);
  capture_free(&c);
  end(&f);
}

static size_t resident_bytes(void) {
  FILE* file = fopen("/proc/self/statm", "r");
  unsigned long total = 0, resident = 0;
  EXPECT(file != NULL && fscanf(file, "%lu %lu", &total, &resident) == 2);
  fclose(file);
  return resident * (size_t)sysconf(_SC_PAGESIZE);
}

typedef struct slow {
  completion exit;
  uint64_t bytes;
} slow;

static void slow_stdout(void* user_data, const uint8_t* data, size_t size) {
  (void)data;
  ((slow*)user_data)->bytes += size;
}

static void slow_exit(void* user_data, boxlite_status status, const boxlite_error* err,
                      const boxlite_exec_result* result) {
  (void)result;
  completion_done(&((slow*)user_data)->exit, status, err);
}

static void slow_finalize(void* user_data) {
  completion_finalize(&((slow*)user_data)->exit);
}

static boxlite_execution* start_slow(fixture* f, slow* s, const char* script, uint32_t flags) {
  const char* argv[] = {"sh", "-c", NULL};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  boxlite_execution* execution = NULL;
  argv[2] = script;
  memset(s, 0, sizeof *s);
  options.argv = argv;
  options.argc = 3;
  options.flags = flags;
  options.on_stdout = slow_stdout;
  options.on_exit = slow_exit;
  options.user_data = s;
  options.finalize = slow_finalize;
  EXPECT_STATUS(boxlite_box_exec(&execution, f->box, &options, &err), BOXLITE_OK);
  return execution;
}

/* What is resident when it has reached `least` and then has not grown for a while. */
static size_t resident_when_steady(size_t least) {
  size_t now = resident_bytes(), last = 0;
  while (now < least || now > last) {
    last = now;
    usleep(500000);
    now = resident_bytes();
  }
  return now;
}

/* The library holds a window's worth for a reader who does not drain, however much the command
 * writes. */
static void c09_a_reader_that_does_not_drain_stops_the_writer(void) {
  enum { kMegabytes = 1024 };
  fixture f = begin();
  boxlite_execution* execution;
  capture warm;
  slow s;
  size_t before;
  run_script(f.rt, f.box, "true", &warm);
  capture_free(&warm);
  before = resident_bytes();
  execution = start_slow(&f, &s, "dd if=/dev/zero bs=1048576 count=1024 2>/dev/null", 0);
  EXPECT(resident_when_steady(before + 256u * 1024) < before + 16u * 1024 * 1024);
  drain_until(f.rt, &s.exit.finalized);
  EXPECT_EQ(s.bytes, (uint64_t)kMegabytes * 1024 * 1024);
  EXPECT(resident_bytes() < before + 16u * 1024 * 1024);
  boxlite_execution_destroy(execution);
  end(&f);
}

static void manual_credit_holds_the_process_back(void) {
  fixture f = begin();
  slow s;
  uint64_t consumed = 0, first;
  boxlite_execution* execution =
      start_slow(&f, &s, "head -c 16777216 /dev/zero", BOXLITE_EXEC_MANUAL_CREDIT);
  while (s.bytes == 0) EXPECT(boxlite_runtime_drain(f.rt, 60000) > 0);
  drain_for(f.rt, 1000);
  first = s.bytes;
  EXPECT(first > 0 && first < 16777216);
  EXPECT_EQ(s.exit.finished, 0);
  EXPECT_STATUS(boxlite_execution_consume(execution, BOXLITE_STREAM_STDOUT, first + 1, &err),
                BOXLITE_STATUS_INVALID_ARGUMENT);
  while (!s.exit.finished) {
    if (s.bytes > consumed) {
      EXPECT_STATUS(boxlite_execution_consume(execution, BOXLITE_STREAM_STDOUT,
                                              (size_t)(s.bytes - consumed), &err),
                    BOXLITE_OK);
      consumed = s.bytes;
    }
    EXPECT(boxlite_runtime_drain(f.rt, 1000) >= 0);
  }
  EXPECT_EQ(s.bytes, 16777216);
  boxlite_execution_destroy(execution);
  end(&f);
}

static void fifty_executions_at_once(void) {
  enum { kCount = 50 };
  fixture f = begin();
  static capture captured[kCount];
  static char scripts[kCount][64];
  int i;
  for (i = 0; i < kCount; ++i) {
    const char* argv[] = {"sh", "-c", scripts[i]};
    boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
    snprintf(scripts[i], sizeof scripts[i], "echo number %d; exit %d", i, i);
    options.argv = argv;
    options.argc = 3;
    capture_start(&captured[i], f.box, &options);
  }
  for (i = 0; i < kCount; ++i) {
    char wanted[32];
    drain_until(f.rt, &captured[i].exit.finalized);
    snprintf(wanted, sizeof wanted, "number %d\n", i);
    EXPECT(strcmp(captured[i].out, wanted) == 0);
    EXPECT_EQ(captured[i].exit_code, i);
    capture_free(&captured[i]);
  }
  end(&f);
}

static void a_background_process_that_keeps_the_pipe_does_not_hold_the_exit(void) {
  fixture f = begin();
  capture c, after;
  run_script(f.rt, f.box, "sleep 1000 & echo left", &c);
  EXPECT_EQ(c.exit_code, 0);
  EXPECT(strcmp(c.out, "left\n") == 0);
  run_script(f.rt, f.box, "ps | grep -c '[s]leep 1000'", &after);
  EXPECT(strcmp(after.out, "1\n") == 0);
  capture_free(&c);
  capture_free(&after);
  end(&f);
}

static void output_without_newline_and_binary_output_survive(void) {
  fixture f = begin();
  capture c;
  run_script(f.rt, f.box, "printf 'a\\000b\\377'", &c);
  EXPECT(c.out_size == 4 && memcmp(c.out, "a\0b\xff", 4) == 0);
  capture_free(&c);
  end(&f);
}

static void handles_can_go_while_the_execution_runs(void) {
  fixture f = begin();
  const char* argv[] = {"sh", "-c", "sleep 0.5; echo done"};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  char id[27];
  capture c;
  options.argv = argv;
  options.argc = 3;
  capture_start(&c, f.box, &options);
  boxlite_execution_destroy(c.execution);
  c.execution = NULL;
  snprintf(id, sizeof id, "%s", boxlite_box_id(f.box));
  boxlite_box_destroy(f.box);
  drain_until(f.rt, &c.exit.finalized);
  EXPECT(strcmp(c.out, "done\n") == 0);
  capture_free(&c);
  EXPECT_STATUS(boxlite_box_get(&f.box, f.rt, id, &err), BOXLITE_OK);
  end(&f);
}

const test_case execution_cases[] = {
    {"c04_start_then_chunks_then_exit", c04_start_then_chunks_then_exit},
    {"what_cannot_start_says_why", what_cannot_start_says_why},
    {"two_megabytes_of_arguments_are_an_error_of_the_execution",
     two_megabytes_of_arguments_are_an_error_of_the_execution},
    {"arguments_and_environment_are_bytes", arguments_and_environment_are_bytes},
    {"user_cwd_and_environment_reach_the_command", user_cwd_and_environment_reach_the_command},
    {"big_input_comes_back_whole", big_input_comes_back_whole},
    {"exit_while_stdin_is_open_completes_the_writes",
     exit_while_stdin_is_open_completes_the_writes},
    {"stdin_without_the_flag_is_empty_and_not_writable",
     stdin_without_the_flag_is_empty_and_not_writable},
    {"timeout_takes_the_whole_tree", timeout_takes_the_whole_tree},
    {"signal_reaches_the_process_and_kill_the_tree", signal_reaches_the_process_and_kill_the_tree},
    {"a_terminal_has_a_size_that_can_change", a_terminal_has_a_size_that_can_change},
    {"c09_a_reader_that_does_not_drain_stops_the_writer",
     c09_a_reader_that_does_not_drain_stops_the_writer},
    {"manual_credit_holds_the_process_back", manual_credit_holds_the_process_back},
    {"fifty_executions_at_once", fifty_executions_at_once},
    {"a_background_process_that_keeps_the_pipe_does_not_hold_the_exit",
     a_background_process_that_keeps_the_pipe_does_not_hold_the_exit},
    {"output_without_newline_and_binary_output_survive",
     output_without_newline_and_binary_output_survive},
    {"handles_can_go_while_the_execution_runs", handles_can_go_while_the_execution_runs},
    {NULL, NULL}};
