/* Loads the library, uses all that has threads, and unloads it with a stream still there: no thread
 * and no mapping may be left. Then once more, ending the process with the library in use.
 *   unload LIBRARY [KEPT | stays]
 * KEPT: a library that the first one needs and that stays loaded. stays: where LIBRARY uses a
 * device it stays itself, at work or not, and is found again. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <ix/inferentia.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int count_threads(void) {
  int count = 0;
  DIR* directory = opendir("/proc/self/task");
  if (directory == NULL) return -1;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;)
    count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

/* A joined thread may stay in /proc for a moment. */
static int threads_return_to(int count) {
  const struct timespec moment = {0, 1000000};
  for (int i = 0; i < 5000 && count_threads() != count; ++i) nanosleep(&moment, NULL);
  return count_threads() == count;
}

static int is_mapped(const char* library) {
  char line[4096];
  int found = 0;
  FILE* maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) return -1;
  while (fgets(line, sizeof(line), maps) != NULL) found |= strstr(line, library) != NULL;
  fclose(maps);
  return found;
}

/* Too much work to be done when this returns. */
static void* use(const char* library) {
  static ix_block_q4_K a[512 * 8];
  static ix_fp16 b[2048 * 256];
  static float c[512 * 256];
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  ix_status (*create)(const ix_stream_options*, ix_stream**);
  ix_status (*gemm)(const ix_block_q4_K*, const ix_fp16*, float*, int64_t, int64_t, int64_t,
                    const ix_gemm_options*, ix_stream*);
  *(void**)&create = dlsym(handle, "ix_stream_create");
  *(void**)&gemm = dlsym(handle, "ix_gemm_q4_K");
  ix_stream* stream = NULL;
  if (create == NULL || gemm == NULL || create(NULL, &stream) != IX_OK) exit(2);
  if (gemm(a, b, c, 512, 256, 2048, NULL, NULL) != IX_OK) exit(3);
  if (gemm(a, b, c, 512, 256, -1, NULL, NULL) != IX_INVALID_ARGUMENT) exit(4);
  for (int i = 0; i < 100; ++i) {
    if (gemm(a, b, c, 512, 256, 2048, NULL, stream) != IX_OK) exit(5);
  }
  return handle;
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) return 9;
  const int stays = argc == 3 && strcmp(argv[2], "stays") == 0;
  if (argc == 3 && !stays && dlopen(argv[2], RTLD_NOW | RTLD_LOCAL) == NULL) return 10;
  const int before = count_threads();
  for (int i = 0; i < 3; ++i) {
    void* handle = use(argv[1]);
    if (count_threads() <= before) return 6; /* the test would show nothing */
    if (dlclose(handle) != 0) return 7;
    if (stays) {
      if (!is_mapped("libinferencex")) return 11;
      continue;
    }
    if (!threads_return_to(before) || is_mapped("libinferencex")) {
      fprintf(stderr, "%d threads before, %d after; mapped: %d\n", before, count_threads(),
              is_mapped("libinferencex"));
      return 8;
    }
  }
  use(argv[1]);
  return 0;
}
