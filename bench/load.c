/*
 * What the library costs a process that loads it: prints the milliseconds from dlopen to a runtime
 * that exists, and the KiB by which the process' resident memory has grown then.
 *
 *   load LIBRARY
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef int (*create_function)(void** out, const void* options, void** err);

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static long resident_kib(void) {
  char line[256];
  long kib = -1;
  FILE* file = fopen("/proc/self/smaps_rollup", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Rss: %ld kB", &kib) == 1) break;
  }
  if (file != NULL) fclose(file);
  return kib;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  void* runtime = NULL;
  create_function create = NULL;
  long before = resident_kib();
  double start = now_ms();
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  void* symbol = library != NULL ? dlsym(library, "boxlite_runtime_create") : NULL;
  if (symbol == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  memcpy(&create, &symbol, sizeof create); /* ISO C has no cast from object to function pointer */
  if (create(&runtime, NULL, NULL) != 0) return 1;
  printf("%.3f %ld\n", now_ms() - start, resident_kib() - before);
  return 0;
}
