#include <boxlite.h>
#include <stdio.h>

struct outcome {
  int finished;
  int exit_code;
};

static void print_output(void* user_data, const uint8_t* data, size_t size) {
  (void)user_data;
  fwrite(data, 1, size, stdout);
}

static void finish(void* user_data, boxlite_status status, const boxlite_error* err,
                   const boxlite_exec_result* result) {
  struct outcome* outcome = user_data;
  outcome->finished = 1;
  outcome->exit_code = status == BOXLITE_OK ? boxlite_exec_result_exit_code(result) : 125;
  if (status != BOXLITE_OK) fprintf(stderr, "%s\n", boxlite_error_message(err));
}

int main(void) {
  const char* argv[] = {"python3", "-c", "print('Hello from', open('/proc/version').read()[:13])"};
  struct outcome outcome = {0, 125};
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;

  boxlite_box_options box_options = BOXLITE_BOX_OPTIONS_INIT;
  box_options.image = "python:slim";
  box_options.flags = BOXLITE_BOX_AUTO_REMOVE;
  boxlite_exec_options exec_options = BOXLITE_EXEC_OPTIONS_INIT;
  exec_options.argv = argv;
  exec_options.argc = 3;
  exec_options.on_stdout = print_output;
  exec_options.on_exit = finish;
  exec_options.user_data = &outcome;

  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK &&
      boxlite_box_create(&box, runtime, &box_options, &err) == BOXLITE_OK &&
      boxlite_box_exec(&execution, box, &exec_options, &err) == BOXLITE_OK) {
    while (!outcome.finished) boxlite_runtime_drain(runtime, -1);
  } else {
    fprintf(stderr, "%s\n", boxlite_error_message(err));
  }

  boxlite_error_destroy(err);
  boxlite_execution_destroy(execution);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime);
  return outcome.exit_code;
}
