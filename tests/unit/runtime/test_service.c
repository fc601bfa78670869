/* Would catch a service that is called ready before it is, tells its supervisor twice or never, drops what is under way
 * at SIGTERM, cannot be ended, leaves the file with its address behind, or starts with a bad setting. Each service runs
 * in a child process, as it will. */
#include "common/runtime/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { DEADLINE_S = 30, TEXT_MAX = 1 << 16 };

struct settings {
	char *needed;
	struct service_settings service;
};

static const struct config_field FIELDS[] = {
	{"T_NEEDED", CONFIG_TEXT, offsetof(struct settings, needed), NULL, "must be given", 0, 0},
	SERVICE_CONFIG_FIELDS(struct settings, service),
};

/* The child's side ---------------------------------------------------------------------------------------------- */

struct worker {
	struct service *service;
	int say, hear; /* pipes to and from the test */
	bool released;
	bool drains_never;
};

static void say(const struct worker *worker, char letter)
{
	if (write(worker->say, &letter, 1) != 1)
		_exit(99);
}

/* 'r': the condition holds; 'l': it is lost; 'g': let go of what is under way. */
static void on_order(void *context)
{
	struct worker *worker = context;
	char letter;
	if (read(worker->hear, &letter, 1) != 1)
		_exit(98);
	if (letter == 'g')
		worker->released = true;
	else
		service_condition(worker->service, "work", letter == 'r', "told so");
	say(worker, letter);
}

static void on_drain(void *context)
{
	say(context, 'd');
}

static bool is_drained(void *context)
{
	const struct worker *worker = context;
	return worker->released && !worker->drains_never;
}

static bool is_never_drained(void *context)
{
	(void)context;
	return false;
}

static int run_service(struct worker *worker, int argc, char **argv)
{
	static struct settings settings;
	const struct service_options options = {.name = "test",
		.purpose = "runs in a test",
		.fields = FIELDS,
		.field_count = ARRAY_LENGTH(FIELDS),
		.settings = &settings,
		.common = &settings.service};
	int exit_code;
	worker->service = service_open(&options, argc, argv, &exit_code);
	if (worker->service == NULL)
		return exit_code;
	void *socket = zmq_socket(service_zmq(worker->service), ZMQ_DEALER);
	metric_add(metrics_counter(service_metrics(worker->service), "sangkien_test_seen_total", NULL, "Seen."), 7);
	service_condition(worker->service, "work", false, "waits for the test");
	service_on_fd(worker->service, worker->hear, on_order, worker);
	service_on_drain(worker->service, on_drain, is_drained, worker);
	service_on_drain(worker->service, NULL, is_never_drained, &socket);
	service_forget(worker->service, &socket); /* else nothing would drain below */
	say(worker, 'o');
	exit_code = service_run(worker->service);
	zmq_close(socket);
	service_close(&worker->service);
	return exit_code;
}

/* The test's side ----------------------------------------------------------------------------------------------- */

struct child {
	char directory[64], admin_file[96], log_file[96];
	char *argument; /* --help and the like */
	bool drains_never;
	pid_t pid;
	int say, hear, ready;
	char text[TEXT_MAX]; /* of the last answer or file read */
};

static int setup(void **state)
{
	struct child *child = calloc(1, sizeof(*child));
	assert_non_null(child);
	strcpy(child->directory, "/tmp/sk.XXXXXX");
	assert_non_null(mkdtemp(child->directory));
	snprintf(child->admin_file, sizeof(child->admin_file), "%s/test-1", child->directory);
	snprintf(child->log_file, sizeof(child->log_file), "%s/log", child->directory);
	setenv("T_NEEDED", "given", 1);
	setenv("SANGKIEN_INSTANCE", "test-1", 1);
	setenv("SANGKIEN_ADMIN_LISTEN", "127.0.0.1:0", 1);
	setenv("SANGKIEN_ADMIN_FILE", child->admin_file, 1);
	setenv("SANGKIEN_LOG_LEVEL", "info", 1);
	setenv("SANGKIEN_DRAIN_MS", "20000", 1);
	*state = child;
	alarm(DEADLINE_S); /* whatever hangs ends here */
	return 0;
}

static int teardown(void **state)
{
	struct child *child = *state;
	if (child->pid > 0) { /* a test that failed half-way */
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	unlink(child->admin_file);
	unlink(child->log_file);
	int status = rmdir(child->directory); /* fails where something else was left */
	free(child);
	return status;
}

static void be_child(const struct child *child, const int say_pipe[2], const int hear_pipe[2], int ready)
{
	char number[16];
	char name[] = "test";
	char *argv[] = {name, child->argument, NULL};
	struct worker worker = {.say = say_pipe[1], .hear = hear_pipe[0], .drains_never = child->drains_never};
	int log = open(child->log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
	alarm(DEADLINE_S);
	close(say_pipe[0]);
	close(hear_pipe[1]);
	dup2(log, STDERR_FILENO);
	dup2(log, STDOUT_FILENO);
	close(log);
	snprintf(number, sizeof(number), "%d", ready);
	setenv("SANGKIEN_READY_FD", number, 0);
	int exit_code = run_service(&worker, child->argument != NULL ? 2 : 1, argv);
	fflush(stdout);
	exit(exit_code); /* not _exit: the leak check runs */
}

static void start(struct child *child)
{
	int say_pipe[2], hear_pipe[2], ready_pipe[2];
	assert_int_equal(pipe2(say_pipe, O_CLOEXEC) | pipe2(hear_pipe, O_CLOEXEC) | pipe2(ready_pipe, O_CLOEXEC), 0);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (child->pid == 0) {
		close(ready_pipe[0]);
		be_child(child, say_pipe, hear_pipe, ready_pipe[1]);
	}
	close(say_pipe[1]);
	close(hear_pipe[0]);
	close(ready_pipe[1]);
	child->hear = say_pipe[0];
	child->say = hear_pipe[1];
	child->ready = ready_pipe[0];
}

static void expect(const struct child *child, char letter)
{
	char heard = 0;
	assert_int_equal(read(child->hear, &heard, 1), 1);
	assert_int_equal(heard, letter);
}

static void order(const struct child *child, char letter)
{
	assert_int_equal(write(child->say, &letter, 1), 1);
	expect(child, letter);
}

static int exit_code_of(struct child *child)
{
	int status;
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	child->pid = 0;
	close(child->say);
	close(child->hear);
	close(child->ready);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static const char *file_text(struct child *child, const char *path)
{
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t size = read(fd, child->text, TEXT_MAX - 1);
	assert_true(size >= 0);
	child->text[size] = '\0';
	close(fd);
	return child->text;
}

static const char *get(struct child *child, const char *path)
{
	static const char host[] = "127.0.0.1:";
	assert_memory_equal(file_text(child, child->admin_file), host, strlen(host));
	long port = strtol(child->text + strlen(host), NULL, 10);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path) > 0);
	size_t size = 0;
	ssize_t more;
	while ((more = read(fd, child->text + size, TEXT_MAX - 1 - size)) > 0)
		size += (size_t)more;
	child->text[size] = '\0';
	close(fd);
	return child->text;
}

static void assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no %s in %s", part, text);
}

static void ready_when_it_is_and_gone_when_it_ends(void **state)
{
	struct child *child = *state;
	char newline = 0;
	start(child);
	expect(child, 'o');
	assert_says(get(child, "/readyz"), "HTTP/1.1 503");
	assert_says(child->text, "{\"name\":\"work\",\"holds\":false,\"why\":\"waits for the test\"}");
	assert_says(get(child, "/healthz"), "HTTP/1.1 200");
	order(child, 'r');
	assert_int_equal(read(child->ready, &newline, 1), 1);
	assert_int_equal(newline, '\n');
	assert_int_equal(read(child->ready, &newline, 1), 0); /* and closed */
	assert_says(get(child, "/readyz"), "HTTP/1.1 200");
	assert_says(child->text, "{\"ready\":true,");
	order(child, 'l');
	assert_says(get(child, "/readyz"), "HTTP/1.1 503");
	order(child, 'r');
	assert_says(get(child, "/readyz"), "HTTP/1.1 200");
	assert_says(get(child, "/metrics"), "\nsangkien_test_seen_total 7\n");
	assert_says(child->text, "Content-Type: text/plain; version=0.0.4");
	assert_says(child->text, "\nprocess_resident_memory_bytes ");
	assert_says(child->text, "\nsangkien_ready 1\n");
	assert_says(child->text, "\nsangkien_build_info{service=\"test\",instance=\"test-1\",version=\"unknown\"} 1\n");
	order(child, 'g');
	kill(child->pid, SIGTERM);
	expect(child, 'd');
	assert_int_equal(exit_code_of(child), 0);
	assert_int_equal(access(child->admin_file, F_OK), -1);
	assert_says(file_text(child, child->log_file),
		"\"event\":\"condition_lost\",\"condition\":\"work\",\"why\":\"told so\"");
}

static void drains_before_it_ends(void **state)
{
	struct child *child = *state;
	start(child);
	expect(child, 'o');
	order(child, 'r');
	kill(child->pid, SIGINT); /* Ctrl-C is no worse than SIGTERM */
	expect(child, 'd');
	assert_says(get(child, "/readyz"), "HTTP/1.1 503");
	assert_says(child->text, "{\"name\":\"running\",\"holds\":false,\"why\":\"draining\"}");
	order(child, 'g');
	assert_int_equal(exit_code_of(child), 0);
}

static void a_drain_has_an_end(void **state)
{
	struct child *child = *state;
	child->drains_never = true;
	setenv("SANGKIEN_DRAIN_MS", "50", 1);
	start(child);
	expect(child, 'o');
	kill(child->pid, SIGTERM);
	expect(child, 'd');
	assert_int_equal(exit_code_of(child), 1);
	assert_says(file_text(child, child->log_file), "\"event\":\"drain_timed_out\"");
}

static void a_second_signal_ends_it_at_once(void **state)
{
	struct child *child = *state;
	child->drains_never = true;
	setenv("SANGKIEN_DRAIN_MS", "600000", 1);
	start(child);
	expect(child, 'o');
	kill(child->pid, SIGTERM);
	expect(child, 'd');
	kill(child->pid, SIGTERM);
	assert_int_equal(exit_code_of(child), 1);
	assert_int_equal(access(child->admin_file, F_OK), -1);
}

static void bad_settings_are_named(void **state)
{
	struct child *child = *state;
	static const struct {
		const char *name, *value, *line;
	} cases[] = {
		{"T_NEEDED", "", "T_NEEDED: must be given"},
		{"SANGKIEN_LOG_LEVEL", "loud", "SANGKIEN_LOG_LEVEL: \"loud\" is none of debug, info, warn and error\n"},
		{"SANGKIEN_READY_FD", "777", "SANGKIEN_READY_FD: descriptor 777 is not open\n"},
		{"SANGKIEN_DRAIN_MS", "600001", "SANGKIEN_DRAIN_MS: \"600001\" is not a whole number from 0 to 600000"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		const char *before = getenv(cases[i].name);
		char *kept = before != NULL ? strdup(before) : NULL;
		setenv(cases[i].name, cases[i].value, 1);
		start(child);
		assert_int_equal(exit_code_of(child), CONFIG_EXIT_BAD);
		assert_says(file_text(child, child->log_file), cases[i].line);
		if (kept != NULL)
			setenv(cases[i].name, kept, 1);
		else
			unsetenv(cases[i].name);
		free(kept);
	}
}

static void the_command_line_answers(void **state)
{
	struct child *child = *state;
	static const struct {
		const char *argument, *says;
		int exit_code;
	} cases[] = {
		{"--help", "SANGKIEN_ADMIN_LISTEN      address of /healthz, /readyz and /metrics [127.0.0.1:0]\n", 0},
		{"--version", "test unknown\n", 0},
		{"--print-config", "T_NEEDED\t(required)\tgiven\tmust be given\n", 0},
		{"--nonsense", "Usage: test [--help | --version | --print-config]\n", 64},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		child->argument = (char *)cases[i].argument;
		start(child);
		assert_int_equal(exit_code_of(child), cases[i].exit_code);
		assert_says(file_text(child, child->log_file), cases[i].says);
	}
}

static void a_taken_port_is_named(void **state)
{
	struct child *child = *state;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	char listen_on[32];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(listen_on, sizeof(listen_on), "127.0.0.1:%d", ntohs(address.sin_port));
	setenv("SANGKIEN_ADMIN_LISTEN", listen_on, 1);
	start(child);
	assert_int_equal(exit_code_of(child), 69);
	assert_says(file_text(child, child->log_file), listen_on);
	assert_says(child->text, "SANGKIEN_ADMIN_LISTEN");
	assert_int_equal(access(child->admin_file, F_OK), -1);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_when_it_is_and_gone_when_it_ends),
		TEST(drains_before_it_ends),
		TEST(a_drain_has_an_end),
		TEST(a_second_signal_ends_it_at_once),
		TEST(bad_settings_are_named),
		TEST(the_command_line_answers),
		TEST(a_taken_port_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
