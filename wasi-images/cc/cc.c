/*
 * cc: compiles and links C and C++ in a container: /bin/cc, and by their names /bin/c++, clang and clang++.
 *
 * clang itself runs its compiler in its own process, but no linker: it was built for systems without processes. So this runs `clang -c` for each
 * source and then `wasm-ld` with what a program for cowbox is linked with. What does not link is clang's alone, which takes this process over.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LLVM "/usr/lib/llvm/"
#define LIBRARIES "/usr/lib/wasm32-wasip1"
#define BUILTINS "/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a"

/* What every compilation is told first. setjmp is made of exceptions. */
static const char *const compile_flags[] = {
	"--target=wasm32-wasip1", "--sysroot=/usr", "-resource-dir=/usr", "-isystem", "/usr/lib/cowbox/include", "-mllvm", "-wasm-enable-sjlj", "-mllvm",
	"-wasm-use-legacy-eh=false", "-Wno-unused-command-line-argument",
};
/* What every link is told first: the linker's own stack is 64 KiB. */
static const char *const link_flags[] = { "wasm-ld", "-m", "wasm32", "-z", "stack-size=1048576", "--stack-first", "-L", LIBRARIES };

struct list {
	char **items;
	size_t count;
};

static const char *name;

static void fail(const char *what, int error) {
	fprintf(stderr, "%s: %s%s%s\n", name, what, error ? ": " : "", error ? strerror(error) : "");
	exit(1);
}

static void add(struct list *list, const char *item) {
	/* One more for the null at the end. */
	char **larger = realloc(list->items, (list->count + 2) * sizeof *larger);
	if (!larger) fail("arguments", ENOMEM);
	list->items = larger;
	larger[list->count++] = (char *)item;
	larger[list->count] = NULL;
}

static void add_all(struct list *list, char *const *items, size_t count) {
	for (size_t i = 0; i < count; i++) add(list, items[i]);
}
#define ADD_ALL(list, array) add_all((list), (char *const *)(array), sizeof(array) / sizeof *(array))

static bool is(const char *argument, const char *option) {
	return !strcmp(argument, option);
}

static bool begins(const char *argument, const char *option) {
	return !strncmp(argument, option, strlen(option));
}

static bool one_of(const char *argument, const char *const *options) {
	while (*options && !is(argument, *options)) options++;
	return *options;
}

/* What the command line asks for. */
static struct {
	/* -c, -S, -E and the like, or only questions: clang's alone. */
	bool links, shared, no_start, no_libraries, verbose;
	const char *output;
	/* All but the inputs. */
	struct list options;
	/* Options of the compiler; then sources, objects and libraries in their order, with what the linker is told. */
	struct list compile, inputs, linker;
	/* -MD or -MMD, without -MF. */
	bool depends, depends_named;
	/* -x before each of the inputs; null for none. */
	struct list languages;
	size_t sources;
} asked = { .links = true, .output = "a.out" };

/* Options with their value in the next argument, which is no source then. */
static const char *const with_value[] = {
	"-I", "-D", "-U", "-include", "-imacros", "-isystem", "-idirafter", "-iquote", "-iprefix", "-MF", "-MT", "-MQ", "-Xclang", "-mllvm", "-Xpreprocessor",
	"-target", "--param", "-isysroot", "--sysroot", "-arch", "-Xassembler", NULL,
};
static const char *const without_link[] = { "-c", "-S", "-E", "-M", "-MM", "-fsyntax-only", "-dumpmachine", "-dumpversion", "--version", "-###", "--help", NULL };
/* Meant for other linkers, and of no use here. */
static const char *const ignored[] = { "-pthread", "-rdynamic", "-static", "-pipe", "-pie", "-no-pie", "-lpthread", "-lutil", "-static-libgcc", "-shared-libgcc", NULL };

static bool is_source(const char *path) {
	static const char *const suffixes[] = { ".c", ".i", ".cc", ".cpp", ".cxx", ".C", ".ii", ".s", ".S", ".ll", ".bc", NULL };
	const char *dot = strrchr(path, '.');
	return dot && one_of(dot, suffixes);
}

static void add_input(const char *path, const char *language) {
	add(&asked.inputs, path);
	add(&asked.languages, language);
	if (language || is_source(path)) asked.sources++;
}

/* -Wl,a,b: a and b for the linker, in their place among the inputs. */
static void for_linker(char *text) {
	for (char *part = strtok(text, ","); part; part = strtok(NULL, ",")) {
		/* Options of other linkers that build systems pass without asking. */
		if (is(part, "-E") || is(part, "--export-dynamic") || begins(part, "-rpath") || begins(part, "-z") || is(part, "--as-needed") || begins(part, "-soname")) continue;
		add(&asked.linker, part);
	}
}

static void read_arguments(int argc, char **argv) {
	const char *language = NULL;
	bool questions = argc > 1;
	for (int i = 1; i < argc; i++) {
		char *argument = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		int first = i;
		if (*argument != '-' || is(argument, "-")) {
			questions = false;
			add_input(argument, language);
		} else if (one_of(argument, without_link) || begins(argument, "-print-") || begins(argument, "--print-")) {
			asked.links = false;
		} else if (is(argument, "-o") && next) {
			asked.output = argv[++i];
		} else if (begins(argument, "-o")) {
			asked.output = argument + 2;
		} else if (is(argument, "-x") && next) {
			language = is(next, "none") ? NULL : next;
			i++;
		} else if (begins(argument, "-Wl,")) {
			for_linker(argument + 4);
		} else if (is(argument, "-Xlinker") && next) {
			add(&asked.linker, argv[++i]);
		} else if (one_of(argument, ignored)) {
			continue;
		} else if (begins(argument, "-l") || begins(argument, "-L")) {
			/* Libraries keep their place, and directories may as well. */
			questions = false;
			add(&asked.inputs, argument);
			add(&asked.languages, NULL);
			if (!argument[2] && next) {
				add(&asked.inputs, argv[++i]);
				add(&asked.languages, NULL);
			}
		} else if (is(argument, "-shared")) {
			asked.shared = true;
		} else if (is(argument, "-nostdlib")) {
			asked.no_start = asked.no_libraries = true;
		} else if (is(argument, "-nostartfiles")) {
			asked.no_start = true;
		} else if (is(argument, "-nodefaultlibs")) {
			asked.no_libraries = true;
		} else if (is(argument, "-s")) {
			add(&asked.linker, "--strip-all");
		} else {
			if (is(argument, "-v")) asked.verbose = true;
			if (is(argument, "-MD") || is(argument, "-MMD")) asked.depends = true;
			if (begins(argument, "-MF")) asked.depends_named = true;
			add(&asked.compile, argument);
			if (one_of(argument, with_value) && next) add(&asked.compile, argv[++i]);
		}
		if (*argument == '-' && argument[1]) add_all(&asked.options, argv + first, (size_t)(i - first + 1));
	}
	/* `cc -v` and the like, with nothing to compile. */
	if (questions) asked.links = false;
}

/* The objects made for this link, to be removed. */
static struct list made;

static void remove_made(void) {
	for (size_t i = 0; i < made.count; i++) unlink(made.items[i]);
}

static void interrupted(int number) {
	remove_made();
	signal(number, SIG_DFL);
	raise(number);
}

/* Runs a program of LLVM and waits for it. */
static void run(const char *program, struct list *arguments) {
	char path[64];
	pid_t pid;
	int status;
	snprintf(path, sizeof path, LLVM "%s", program);
	if (asked.verbose) {
		for (size_t i = 0; i < arguments->count; i++) fprintf(stderr, " %s", arguments->items[i]);
		fputc('\n', stderr);
	}
	int error = posix_spawn(&pid, path, NULL, NULL, arguments->items, environ);
	if (error) fail(path, error);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) fail(path, errno);
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "%s: %s: %s\n", name, program, strsignal(WTERMSIG(status)));
		exit(128 + WTERMSIG(status));
	}
	if (WEXITSTATUS(status)) exit(WEXITSTATUS(status));
}

/* A new object for this source, compiled. */
static char *compile(const char *source, const char *language, const char *driver) {
	struct list arguments = { 0 };
	char *object = strdup("/tmp/cc-XXXXXX.o");
	int fd = object ? mkstemps(object, 2) : -1;
	if (fd < 0) fail("/tmp", errno);
	close(fd);
	add(&made, object);
	add(&arguments, driver);
	ADD_ALL(&arguments, compile_flags);
	add_all(&arguments, asked.compile.items, asked.compile.count);
	if (asked.depends && !asked.depends_named) {
		char *file;
		if (asprintf(&file, "%s.d", asked.output) < 0) fail("arguments", ENOMEM);
		add(&arguments, "-MF");
		add(&arguments, file);
		add(&arguments, "-MT");
		add(&arguments, asked.output);
	}
	if (language) {
		add(&arguments, "-x");
		add(&arguments, language);
	}
	add(&arguments, "-c");
	add(&arguments, source);
	add(&arguments, "-o");
	add(&arguments, object);
	run(driver, &arguments);
	free(arguments.items);
	return object;
}

static void link_all(bool plus, const char *driver) {
	struct list arguments = { 0 };
	ADD_ALL(&arguments, link_flags);
	if (!asked.no_start) add(&arguments, LIBRARIES "/crt1-command.o");
	for (size_t i = 0; i < asked.inputs.count; i++) {
		char *input = asked.inputs.items[i], *language = asked.languages.items[i];
		bool source = *input != '-' && (language || is_source(input));
		add(&arguments, source ? compile(input, language, driver) : input);
	}
	add_all(&arguments, asked.linker.items, asked.linker.count);
	if (!asked.no_libraries) {
		if (plus) {
			add(&arguments, "-lc++");
			add(&arguments, "-lc++abi");
		}
		static const char *const libraries[] = { "-lsetjmp", "-lcowbox", "-lwasi-emulated-mman", "-lc", BUILTINS };
		ADD_ALL(&arguments, libraries);
	}
	add(&arguments, "-o");
	add(&arguments, asked.output);
	run("wasm-ld", &arguments);
	/* The linker knows of no modes. */
	mode_t mask = umask(0);
	umask(mask);
	if (chmod(asked.output, 0777 & ~mask)) fail(asked.output, errno);
}

/* Compiles each of several sources by a clang of its own: one that has several starts others. */
static void compile_each(const char *driver) {
	for (size_t i = 0; i < asked.inputs.count; i++) {
		struct list arguments = { 0 };
		if (*asked.inputs.items[i] == '-') continue;
		add(&arguments, driver);
		ADD_ALL(&arguments, compile_flags);
		add_all(&arguments, asked.options.items, asked.options.count);
		add(&arguments, asked.inputs.items[i]);
		run(driver, &arguments);
		free(arguments.items);
	}
}

/* clang in place of this process. */
static void become(const char *driver, int argc, char **argv) {
	struct list arguments = { 0 };
	char path[64];
	add(&arguments, driver);
	ADD_ALL(&arguments, compile_flags);
	add_all(&arguments, argv + 1, (size_t)argc - 1);
	snprintf(path, sizeof path, LLVM "%s", driver);
	execv(path, arguments.items);
	fail(path, errno);
}

int main(int argc, char **argv) {
	const char *slash = strrchr(argv[0], '/');
	name = slash ? slash + 1 : argv[0];
	bool plus = strstr(name, "++");
	const char *driver = plus ? "clang++" : "clang";
	read_arguments(argc, argv);
	if (!asked.links && asked.sources > 1) {
		compile_each(driver);
		return 0;
	}
	if (!asked.links || argc < 2) become(driver, argc, argv);
	if (asked.shared) fail("-shared: programs in a container are linked statically", 0);
	atexit(remove_made);
	signal(SIGINT, interrupted);
	signal(SIGTERM, interrupted);
	signal(SIGHUP, interrupted);
	link_all(plus, driver);
	return 0;
}
