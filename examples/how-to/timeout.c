/* A time limit that the box keeps: the whole process tree is killed, and the result says so. */
#include <boxlite.h>
#include <stdio.h>

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
  outcome->failed = status != BOXLITE_OK;
  if (status == BOXLITE_OK)
    printf("exit code %d, timed out: %d\n", boxlite_exec_result_exit_code(result),
           boxlite_exec_result_timed_out(result));
  else
    fprintf(stderr, "%s\n", boxlite_error_message(err));
}

int main(void) {
  const char* argv[] = {"sh", "-c", "echo begun; sleep infinity & sleep infinity"};
  struct outcome outcome = {0, 1};
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;
  boxlite_box_options box_options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  box_options.image = "python:slim";
  box_options.flags = BOXLITE_BOX_AUTO_REMOVE;
  options.argv = argv;
  options.argc = 3;
  options.timeout_ms = 10000;
  options.on_stdout = print_output;
  options.on_exit = finish;
  options.user_data = &outcome;
  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK &&
      boxlite_box_create(&box, runtime, &box_options, &err) == BOXLITE_OK &&
      boxlite_box_exec(&execution, box, &options, &err) == BOXLITE_OK)
    while (!outcome.finished && boxlite_runtime_drain(runtime, -1) >= 0) continue;
  if (err != NULL) fprintf(stderr, "%s\n", boxlite_error_message(err));
  boxlite_error_destroy(err);
  boxlite_execution_destroy(execution);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime);
  return outcome.failed;
}
