/* Who frees what the callbacks use: `finalize`, once, after the last callback, however the command
 * ends. Nothing here has to remember which commands still run. */
#include <boxlite.h>
#include <stdio.h>
#include <stdlib.h>

struct note {
  const char* label;
  int* remaining;
};

static void end_command(void* user_data, boxlite_status status, const boxlite_error* err,
                        const boxlite_exec_result* result) {
  struct note* note = user_data;
  if (status == BOXLITE_OK)
    printf("%s: exit code %d\n", note->label, boxlite_exec_result_exit_code(result));
  else
    printf("%s: %s: %s\n", note->label, boxlite_status_name(status), boxlite_error_message(err));
}

static void free_note(void* user_data) {
  struct note* note = user_data;
  printf("%s: freed\n", note->label);
  --*note->remaining;
  free(note);
}

static void run(boxlite_box* box, const char* label, const char* const* argv, size_t argc,
                int* remaining) {
  boxlite_exec_options options = BOXLITE_EXEC_OPTIONS_INIT;
  boxlite_execution* execution = NULL;
  boxlite_error* err = NULL;
  struct note* note = malloc(sizeof *note);
  if (note == NULL) return;
  note->label = label;
  note->remaining = remaining;
  options.argv = argv;
  options.argc = argc;
  options.on_exit = end_command;
  options.user_data = note;
  options.finalize = free_note;
  ++*remaining;
  if (boxlite_box_exec(&execution, box, &options, &err) != BOXLITE_OK) {
    printf("%s: refused: %s\n", label, boxlite_error_message(err));
    free_note(note); /* a call that failed calls nothing, finalize included */
  }
  boxlite_error_destroy(err);
  boxlite_execution_destroy(execution); /* does not end the command */
}

int main(void) {
  const char* quick[] = {"true"};
  const char* endless[] = {"sleep", "infinity"};
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_error* err = NULL;
  int remaining = 0;
  options.image = "python:slim";
  options.flags = BOXLITE_BOX_AUTO_REMOVE;
  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK &&
      boxlite_box_create(&box, runtime, &options, &err) == BOXLITE_OK) {
    run(box, "nothing", NULL, 0, &remaining);
    run(box, "quick", quick, 1, &remaining);
    while (remaining > 0 && boxlite_runtime_drain(runtime, -1) >= 0) continue;
    run(box, "endless", endless, 2, &remaining);
  } else {
    fprintf(stderr, "%s\n", boxlite_error_message(err));
    remaining = 1; /* the exit code */
  }
  boxlite_error_destroy(err);
  boxlite_box_destroy(box);
  boxlite_runtime_destroy(runtime); /* completes what is under way, and finalizes it */
  return remaining;
}
