#include "common/runtime/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

bool process_forbid_dumps(void)
{
	const struct rlimit none = {0};
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return false;
#ifdef __SANITIZE_ADDRESS__
	return true; /* the leak check traces its own process, which "not dumpable" forbids */
#else
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
#endif
}

static void render(struct buffer *out, const char *name, const char *type, const char *help, double value)
{
	buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name, value);
}

/* Pages in memory; -1 where /proc does not say. */
static long resident_pages(void)
{
	char text[256];
	FILE *file = fopen("/proc/self/statm", "re");
	if (file == NULL)
		return -1;
	size_t size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	const char *second = strchr(text, ' '); /* the first is the size of the address space */
	return second != NULL ? strtol(second, NULL, 10) : -1;
}

static long thread_count(void)
{
	enum { FIELD_STATE = 3, FIELD_THREADS = 20 }; /* proc(5), /proc/[pid]/stat */
	char text[1024];
	FILE *file = fopen("/proc/self/stat", "re");
	if (file == NULL)
		return -1;
	size_t size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	/* The name, in parentheses, may hold anything; behind it a blank stands before each field. */
	const char *at = strrchr(text, ')');
	for (int field = FIELD_STATE; at != NULL && field <= FIELD_THREADS; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtol(at, NULL, 10) : -1;
}

static long open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	if (directory == NULL)
		return -1;
	long count = 0;
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count - 1; /* the directory's own */
}

void process_render_metrics(int64_t started_at_us, struct buffer *out)
{
	struct rusage usage;
	struct rlimit descriptors;
	long resident = resident_pages(), threads = thread_count(), open = open_descriptors();
	render(out, "process_start_time_seconds", "gauge", "Start, seconds since 1970.", (double)started_at_us / 1e6);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		render(out, "process_cpu_seconds_total", "counter", "User and system CPU time, seconds.",
			(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
				(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	if (resident >= 0)
		render(out, "process_resident_memory_bytes", "gauge", "Resident memory, bytes.",
			(double)resident * (double)sysconf(_SC_PAGESIZE));
	if (open >= 0)
		render(out, "process_open_fds", "gauge", "Open file descriptors.", (double)open);
	if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
		render(out, "process_max_fds", "gauge", "Most file descriptors.", (double)descriptors.rlim_cur);
	if (threads >= 0)
		render(out, "process_threads", "gauge", "Threads.", (double)threads);
}
