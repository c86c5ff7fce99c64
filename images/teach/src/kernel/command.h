/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_COMMAND_H
#define TEACH_COMMAND_H

/* A word of the prompt's. argv[0] is its name. */
struct command {
    const char *name;
    const char *arguments;
    const char *summary;
    void (*run)(int argc, char **argv);
};

/*
 * Makes a function a command, in the kernel or in a module: a pointer to its description goes into a section
 * of its own, where the linker gathers them (FreeBSD's linker sets, sys/linker_set.h).
 */
#define COMMAND(function, arguments, summary)                                              \
    static const struct command function##_command = {#function, arguments, summary, function}; \
    static const struct command *const function##_entry                                    \
        __attribute__((section("set_commands"), used)) = &function##_command

/* Adds commands that a module brings. */
void commands_add(const struct command *const *first, const struct command *const *end);

/* Reads commands and runs them, for ever. */
void prompt(void) __attribute__((noreturn));

#endif
