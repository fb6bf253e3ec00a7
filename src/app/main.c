/* app/main.c -- cloudcefd's command line. */
/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "app/config.h"
#include "app/daemon.h"
#include "base/err.h"
#include "base/log.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2
};

struct args {
	const char *config;
	const char *debug_rooms;
	bool foreground, test, once;
};

static int
usage(FILE *out, int status)
{
	fprintf(out,
	    "usage: cloudcefd [-c FILE] [-f] [-t] [-1] [-d ROOM,...] [-hV]\n"
	    "  -c FILE  the configuration (" SYSCONFDIR
	    "/cloudcefd/cloudcefd.conf)\n"
	    "  -f       stay in the foreground, log to standard error\n"
	    "  -t       check the configuration and exit\n"
	    "  -1       one round of every source, deliver, exit\n"
	    "  -d ROOM  log debug lines of these rooms; \"all\" for all\n"
	    "  -h       print this\n"
	    "  -V       print the version\n");
	return status;
}

static void
open_log(const struct args *args, const struct config *c)
{
	enum log_target target = LOG_TO_SYSLOG;

	switch ((enum config_log)c->global.log) {
	case CONFIG_LOG_STDERR:
		target = LOG_TO_STDERR;
		break;
	case CONFIG_LOG_JOURNAL:
		target = LOG_TO_JOURNAL;
		break;
	case CONFIG_LOG_SYSLOG:
		break;
	case CONFIG_LOG_AUTO:
		if (getenv("JOURNAL_STREAM") != NULL)
			target = LOG_TO_JOURNAL;
		else if (args->foreground || args->once)
			target = LOG_TO_STDERR;
		break;
	}
	log_open(target, "cloudcefd");
}

static int
write_pid(const char *path, struct err *err)
{
	FILE *f;

	if (path == NULL)
		return 0;
	f = fopen(path, "we");
	if (f == NULL || fprintf(f, "%ld\n", (long)getpid()) < 0 ||
	    fclose(f) != 0)
		return err_set(
		    err, ERR_CONF, "pid-file %s: %s", path, strerror(errno));
	return 0;
}

/*
 * Go to the background.  The parent stays until the child says over the pipe
 * that it runs, so the caller's status tells the truth.  Return the pipe's
 * end in the child; the parent does not return.
 */
static int
detach(void)
{
	int fds[2], status;
	char byte;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "cloudcefd: %s\n", strerror(errno));
		exit(EXIT_FAILED);
	}
	if (pid > 0) {
		close(fds[1]);
		if (read(fds[0], &byte, 1) == 1)
			exit(EXIT_OK);
		waitpid(pid, &status, 0);
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

/* The daemon runs: let go of the terminal and of the parent. */
static void
tell_running(int ready_fd)
{
	int null;

#ifdef HAVE_SYSTEMD
	sd_notify(0, "READY=1");
#endif
	if (ready_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (chdir("/") < 0 || write(ready_fd, "", 1) < 0)
		exit(EXIT_FAILED);
	close(ready_fd);
}

static int
run(const struct args *args, struct config **cp)
{
	int ready_fd = -1, status;
	char *pid_file;
	struct daemon *d;
	struct err err;

	if (!args->foreground && !args->once)
		ready_fd = detach();
	open_log(args, *cp);
	pid_file = (*cp)->global.pid_file != NULL
	    ? strdup((*cp)->global.pid_file)
	    : NULL;
	d = daemon_new(cp, args->once, &err);
	if (d == NULL || write_pid(pid_file, &err) < 0) {
		fprintf(stderr, "cloudcefd: %s\n", err.text);
		daemon_free(&d);
		free(pid_file);
		return err.kind == ERR_CONF ? EXIT_USAGE : EXIT_FAILED;
	}
	tell_running(ready_fd);
	status = daemon_run(d);
	if (pid_file != NULL)
		unlink(pid_file);
	free(pid_file);
	daemon_free(&d);
	log_close();
	return status;
}

static int
parse_args(int argc, char **argv, struct args *args)
{
	int opt;

	while ((opt = getopt(argc, argv, "c:ft1d:Vh")) != -1) {
		switch (opt) {
		case 'c':
			args->config = optarg;
			break;
		case 'f':
			args->foreground = true;
			break;
		case 't':
			args->test = true;
			break;
		case '1':
			args->once = true;
			break;
		case 'd':
			args->debug_rooms = optarg;
			break;
		case 'V':
			printf("cloudcefd %s\n", PACKAGE_VERSION);
			exit(EXIT_OK);
		case 'h':
			exit(usage(stdout, EXIT_OK));
		default:
			return -1;
		}
	}
	return optind == argc ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct args args = { .config = SYSCONFDIR "/cloudcefd/cloudcefd.conf" };
	struct config *c;
	struct err err;
	int status;

	if (parse_args(argc, argv, &args) < 0)
		return usage(stderr, EXIT_USAGE);
	signal(SIGPIPE, SIG_IGN);
	/* A limit of file sizes is met as a full disk is. */
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
	/* libcurl and OpenSSL hold tokens and keys too: no core files. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	log_debug_rooms(args.debug_rooms);

	c = config_load(args.config, &err);
	if (c == NULL || daemon_check(c, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		config_free(&c);
		return args.test ? EXIT_FAILED : EXIT_USAGE;
	}
	if (args.test) {
		config_free(&c);
		return EXIT_OK;
	}
	status = run(&args, &c);
	config_free(&c);
	return status;
}
