/* What is known of an image: from the records, so that nothing is asked of a registry. */
#include <boxlite.h>
#include <stdio.h>
#include <string.h>

static void print_image(const boxlite_image_info* image) {
  size_t layers = boxlite_image_info_layer_count(image);
  uint64_t bytes = 0;
  const char* text;
  for (size_t n = 0; n < layers; ++n) bytes += boxlite_image_info_layer_size(image, n);
  printf("%s, %s/%s\n", boxlite_image_info_reference(image), boxlite_image_info_os(image),
         boxlite_image_info_architecture(image));
  printf("%zu layers, as large together as the image: %s\n", layers,
         bytes == boxlite_image_info_size(image) ? "yes" : "no");
  for (size_t n = 0; (text = boxlite_image_info_env(image, n)) != NULL; ++n)
    if (strncmp(text, "PATH=", 5) == 0) printf("%s\n", text);
  for (size_t n = 0; (text = boxlite_image_info_cmd(image, n)) != NULL; ++n)
    printf("cmd %zu: %s\n", n, text);
}

/* Whether it is in the home directory; boxlite_image_pull would fetch it. */
static int print_if_there(boxlite_runtime* runtime, const char* name) {
  boxlite_image_info* image = NULL;
  boxlite_error* err = NULL;
  boxlite_status status = boxlite_image_get_info(&image, runtime, name, &err);
  if (status == BOXLITE_OK)
    print_image(image);
  else
    printf("%s: %s\n", boxlite_status_name(status), boxlite_error_message(err));
  boxlite_image_info_destroy(image); /* with every text that was read from it */
  boxlite_error_destroy(err);
  return status == BOXLITE_OK || status == BOXLITE_STATUS_NOT_FOUND;
}

int main(void) {
  boxlite_runtime* runtime = NULL;
  boxlite_error* err = NULL;
  int fine = 0;
  if (boxlite_runtime_create(&runtime, NULL, &err) == BOXLITE_OK)
    fine = print_if_there(runtime, "python:slim") && print_if_there(runtime, "example/none");
  else
    fprintf(stderr, "%s\n", boxlite_error_message(err));
  boxlite_error_destroy(err);
  boxlite_runtime_destroy(runtime);
  return !fine;
}
