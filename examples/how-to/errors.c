/* What an error says: its status decides what the program does, its message is for people. */
#include <boxlite.h>
#include <stdio.h>

static void explain(boxlite_error* err) {
  boxlite_status status = boxlite_error_status(err);
  printf("%s: %s\n", boxlite_status_name(status), boxlite_error_message(err));
  if (*boxlite_error_hint(err) != '\0') printf("  hint: %s\n", boxlite_error_hint(err));
  switch (status) {
    case BOXLITE_STATUS_NOT_FOUND:
      printf("  so it is made\n");
      break;
    case BOXLITE_STATUS_BUSY:
    case BOXLITE_STATUS_NETWORK:
      printf("  so it is tried again\n");
      break;
    default: /* also for a status that is not known here */
      printf("  so the program is mended\n");
  }
  boxlite_error_destroy(err);
}

int main(void) {
  boxlite_box_options options = BOXLITE_BOX_OPTIONS_INIT;
  boxlite_runtime* runtime = NULL;
  boxlite_box* box = NULL;
  boxlite_error* err = NULL;
  if (boxlite_runtime_create(&runtime, NULL, &err) != BOXLITE_OK) {
    explain(err);
    return 1;
  }
  if (boxlite_box_get(&box, runtime, "example-nobody", &err) != BOXLITE_OK) explain(err);
  options.name = "not/a/name";
  if (boxlite_box_create(&box, runtime, &options, &err) != BOXLITE_OK) explain(err);
  boxlite_box_destroy(box); /* NULL where the calls failed */
  boxlite_runtime_destroy(runtime);
  return 0;
}
