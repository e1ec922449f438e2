/* What a forked child may do with the handles of its parent: nothing, and it is told so. The
 * parent's box runs on. */
#include <boxlite.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct outcome {
  int finished;
  int failed;
};

static void print_output(void* user_data, const uint8_t* data, size_t size) {
  (void)user_data;
  fwrite(data, 1, size, stdout);
}

static void finish(void* user_data, boxlite_status status, const boxlite_error* err,
                   const boxlite_exec_result* result) {
  struct outcome* outcome = user_data;
  outcome->finished = 1;
  outcome->failed = status != BOXLITE_OK || boxlite_exec_result_exit_code(result) != 0;
  if (status != BOXLITE_OK) fprintf(stderr, "%s\n", boxlite_error_message(err));
}

static boxlite_status run(boxlite_box* box, const char* text, struct outcome* outcome,
                          boxlite_execution** execution, boxlite_error** err) {
  const char* argv[] = {"echo", text};
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  options.argv = argv;
  options.argc = 2;
  options.on_stdout = print_output;
  options.on_exit = finish;
  options.user_data = outcome;
  return boxlite_box_exec(execution, box, &options, err);
}

/* In the child. _exit and exec are safe; whoever needs boxes there starts a program that opens a
 * runtime of its own. */
static int refused_in_child(boxlite_box* box) {
  struct outcome outcome = {0, 0};
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;
  boxlite_status status = run(box, "never", &outcome, &execution, &err);
  printf("child: %s: %s\n", boxlite_status_name(status), boxlite_error_message(err));
  fflush(stdout);
  boxlite_error_destroy(err); /* an error is the child's own */
  return status == BOXLITE_STATUS_INVALID_STATE;
}

static int fork_and_wait(boxlite_box* box) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) _exit(refused_in_child(box) ? 0 : 1);
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(void) {
  struct outcome outcome = {0, 1};
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;
  options.image = "python:slim";
  options.flags = BOXLITE_BOX_AUTO_REMOVE;
  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK &&
      boxlite_box_create(&box, runtime, &options, &err) == BOXLITE_OK && fork_and_wait(box) &&
      run(box, "parent: the box runs", &outcome, &execution, &err) == BOXLITE_OK)
    while (!outcome.finished && boxlite_runtime_drain(runtime, -1) >= 0) continue;
  if (err != NULL) fprintf(stderr, "%s\n", boxlite_error_message(err));
  boxlite_error_destroy(err);
  boxlite_execution_destroy(execution);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime);
  return outcome.failed;
}
