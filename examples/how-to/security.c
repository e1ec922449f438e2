/* A box for a stranger's command: limits, an ordinary user, and what isolates it. */
#include <boxlite.h>
#include <stdio.h>
#include <string.h>

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

static boxlite_status create(boxlite_box** box, boxlite_runtime* runtime, boxlite_error** err) {
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  options.image = "python:slim";
  options.user = "nobody";
  options.flags = BOXLITE_BOX_AUTO_REMOVE;
  options.memory_mib = 256;
  options.max_open_files = 256;
  options.max_file_size_bytes = 100u << 20;
  options.max_memory_bytes = 200u << 20;
  options.max_cpu_seconds = 30;
  options.max_processes = 64;
  return boxlite_box_create(box, runtime, &options, err);
}

/* What the records say once it runs. */
static boxlite_status print_isolation(const boxlite_box* box, boxlite_error** err) {
  boxlite_box_info* info = NULL;
  boxlite_status status = boxlite_box_get_info(&info, box, err);
  if (status != BOXLITE_OK) return status;
  printf("isolation by %s\n",
         boxlite_box_info_isolation(info) == BOXLITE_ISOLATION_HARDWARE ? "hardware" : "software");
  printf("system calls are filtered: %s\n",
         strstr(boxlite_box_info_jail(info), "system calls: filtered") != NULL ? "yes" : "no");
  boxlite_box_info_destroy(info);
  return BOXLITE_OK;
}

int main(void) {
  const char* argv[] = {"sh", "-c", "id -un; ulimit -n; ulimit -t"};
  struct outcome outcome = {0, 1};
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  options.argv = argv;
  options.argc = 3;
  options.timeout_ms = 10000;
  options.on_stdout = print_output;
  options.on_exit = finish;
  options.user_data = &outcome;
  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK &&
      create(&box, runtime, &err) == BOXLITE_OK &&
      boxlite_box_exec(&execution, box, &options, &err) == BOXLITE_OK) {
    while (!outcome.finished && boxlite_runtime_drain(runtime, -1) >= 0) continue;
    if (!outcome.failed) outcome.failed = print_isolation(box, &err) != BOXLITE_OK;
  }
  if (err != NULL) fprintf(stderr, "%s\n", boxlite_error_message(err));
  boxlite_error_destroy(err);
  boxlite_execution_destroy(execution);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime);
  return outcome.failed;
}
