/* In a libuv loop: two commands side by side; a timer gives the box's start up where it is slow. */
#define _POSIX_C_SOURCE 200809L /* uv.h wants it with -std=c11 */
#include <boxlite.h>
#include <stdio.h>
#include <uv.h>

enum { kCommands = 2, kPatienceMs = 120000 };

struct command {
  struct program* program;
  char output[64];
  size_t size;
};

struct program {
  uv_poll_t callbacks;
  uv_timer_t patience;
  boxlite_runtime* runtime;
  boxlite_box* box;
  boxlite_operation* start;
  struct command commands[kCommands];
  int running, failures;
};

static int check(struct program* program, boxlite_status status, const boxlite_error* err) {
  if (status == BOXLITE_OK) return 1;
  fprintf(stderr, "%s: %s\n", boxlite_status_name(status), boxlite_error_message(err));
  program->failures++;
  return 0;
}

static void close_handles(void* user_data, boxlite_status status, const boxlite_error* err) {
  struct program* program = user_data;
  check(program, status, err);
  uv_close((uv_handle_t*)&program->callbacks, NULL);
  uv_close((uv_handle_t*)&program->patience, NULL);
}

/* Stops the box; close_handles is the last callback, and leaves the loop nothing to wait for. */
static void shut_down(struct program* program) {
  boxlite_error* err = NULL;
  boxlite_status status =
      boxlite_runtime_shutdown(program->runtime, 0, close_handles, program, NULL, &err);
  if (status != BOXLITE_OK) close_handles(program, status, err);
  boxlite_error_destroy(err);
}

static void take_output(void* user_data, const uint8_t* data, size_t size) {
  struct command* command = user_data;
  for (size_t i = 0; i < size && command->size + 1 < sizeof command->output; ++i)
    command->output[command->size++] = (char)data[i];
}

static void end_command(void* user_data, boxlite_status status, const boxlite_error* err,
                        const boxlite_exec_result* result) {
  struct program* program = ((struct command*)user_data)->program;
  if (check(program, status, err)) program->failures += boxlite_exec_result_exit_code(result) != 0;
  if (--program->running == 0) shut_down(program);
}

static void run_commands(void* user_data, boxlite_status status, const boxlite_error* err) {
  const char* argv[kCommands][3] = {{"sh", "-c", "echo one: $((6 * 7))"},
                                    {"sh", "-c", "echo two: $(uname -s)"}};
  struct program* program = user_data;
  uv_timer_stop(&program->patience);
  for (int i = 0; check(program, status, err) && i < kCommands; ++i) {
    boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
    boxlite_execution* execution = NULL;
    boxlite_error* refused = NULL;
    program->commands[i].program = program;
    options.argv = argv[i];
    options.argc = 3;
    options.on_stdout = take_output;
    options.on_exit = end_command;
    options.user_data = &program->commands[i];
    if (check(program, boxlite_box_exec(&execution, program->box, &options, &refused), refused))
      program->running++;
    boxlite_error_destroy(refused);
    boxlite_execution_destroy(execution); /* the command runs on, and so do its callbacks */
  }
  if (program->running == 0) shut_down(program);
}

static void run_callbacks(uv_poll_t* handle, int status, int events) {
  struct program* program = handle->data;
  (void)status, (void)events;
  while (boxlite_runtime_drain(program->runtime, 0) > 0) continue;
}

static void give_up(uv_timer_t* handle) {
  boxlite_operation_cancel(((struct program*)handle->data)->start);
}

int main(void) {
  static struct program program; /* zero */
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_error* err = NULL;
  uv_loop_t* loop = uv_default_loop();
  options.image = "python:slim";
  options.flags = BOXLITE_BOX_AUTO_REMOVE;
  program.callbacks.data = program.patience.data = &program;
  if (check(&program, boxlite_runtime_create(&program.runtime, NULL, &err), err) &&
      check(&program, boxlite_box_create(&program.box, program.runtime, &options, &err), err)) {
    if (uv_poll_init(loop, &program.callbacks, boxlite_runtime_fd(program.runtime)) != 0 ||
        uv_poll_start(&program.callbacks, UV_READABLE, run_callbacks) != 0 ||
        uv_timer_init(loop, &program.patience) != 0 ||
        uv_timer_start(&program.patience, give_up, kPatienceMs, 0) != 0)
      return fputs("libuv does not take what it is given\n", stderr), 1;
    boxlite_status status =
        boxlite_box_start(program.box, NULL, run_commands, &program, NULL, &program.start, &err);
    if (!check(&program, status, err)) shut_down(&program);
    uv_run(loop, UV_RUN_DEFAULT);
  }
  for (int i = 0; i < kCommands; ++i) fputs(program.commands[i].output, stdout);
  boxlite_error_destroy(err);
  boxlite_operation_destroy(program.start);
  boxlite_box_destroy(program.box);
  boxlite_runtime_destroy(program.runtime);
  return uv_loop_close(loop) != 0 || program.failures != 0;
}
