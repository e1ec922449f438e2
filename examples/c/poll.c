/* One thread and one poll(2): what comes on standard input goes through a command in a box. The
 * runtime's descriptor says when callbacks wait, as standard input says when a line does. */
#include <boxlite.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct filter {
  boxlite_execution* execution;
  int reading; /* standard input is looked at */
  int finished;
  int exit_code;
};

static void print_error(const char* what, const boxlite_error* err) {
  fprintf(stderr, "%s: %s\n", what, boxlite_error_message(err));
  if (*boxlite_error_hint(err) != '\0') fprintf(stderr, "hint: %s\n", boxlite_error_hint(err));
}

static void print_output(void* user_data, const uint8_t* data, size_t size) {
  (void)user_data;
  fwrite(data, 1, size, stdout);
}

static void finish(void* user_data, boxlite_status status, const boxlite_error* err,
                   const boxlite_exec_result* result) {
  struct filter* filter = user_data;
  filter->finished = 1;
  if (status == BOXLITE_OK)
    filter->exit_code = boxlite_exec_result_exit_code(result);
  else
    print_error("command", err);
}

/* The box has taken a piece: now the next one may be read, so that nothing piles up here. */
static void continue_reading(void* user_data, boxlite_status status, const boxlite_error* err) {
  struct filter* filter = user_data;
  (void)err; /* where the command has ended, finish() says why */
  filter->reading = status == BOXLITE_OK;
}

static void forward_input(struct filter* filter) {
  static char buffer[65536];
  boxlite_error* err = NULL;
  boxlite_status status;
  ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
  if (count < 0 && errno == EINTR) return;
  if (count < 0) perror("standard input");
  filter->reading = 0;
  if (count > 0)
    status = boxlite_execution_write_stdin(filter->execution, buffer, (size_t)count,
                                           continue_reading, filter, NULL, &err);
  else
    status = boxlite_execution_close_stdin(filter->execution, &err);
  if (status != BOXLITE_OK) print_error("input", err);
  boxlite_error_destroy(err);
}

/* Runs every callback that waits; 0 where the runtime has none to give any more. */
static int run_callbacks(boxlite_runtime* runtime) {
  int count;
  do {
    count = boxlite_runtime_drain(runtime, 0);
  } while (count > 0);
  return count == 0;
}

static void run(boxlite_runtime* runtime, struct filter* filter) {
  while (!filter->finished) {
    struct pollfd watched[2] = {{boxlite_runtime_fd(runtime), POLLIN, 0},
                                {filter->reading ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) {
      if (errno == EINTR) continue;
      fprintf(stderr, "poll: %s\n", strerror(errno));
      return;
    }
    if (watched[1].revents != 0) forward_input(filter);
    if (watched[0].revents != 0 && !run_callbacks(runtime)) return;
  }
}

int main(void) {
  const char* argv[] = {"python3", "-u", "-c",
                        "import sys\nfor l in sys.stdin: print(l.upper(), end='')"};
  struct filter filter = {NULL, 1, 0, 125};
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_error* err = NULL;

  boxlite_box_options box_options = BOXLITE_BOX_OPTIONS_INIT;
  box_options.image = "python:slim";
  box_options.flags = BOXLITE_BOX_AUTO_REMOVE;
  boxlite_exec_options exec_options = BOXLITE_EXEC_OPTIONS_INIT;
  exec_options.argv = argv;
  exec_options.argc = 4;
  exec_options.flags = BOXLITE_EXEC_STDIN;
  exec_options.on_stdout = print_output;
  exec_options.on_exit = finish;
  exec_options.user_data = &filter;

  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK &&
      boxlite_box_create(&box, runtime, &box_options, &err) == BOXLITE_OK &&
      boxlite_box_exec(&filter.execution, box, &exec_options, &err) == BOXLITE_OK)
    run(runtime, &filter);
  else
    print_error("boxlite", err);

  boxlite_error_destroy(err);
  boxlite_execution_destroy(filter.execution);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime);
  return filter.exit_code;
}
