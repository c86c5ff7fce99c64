/* SPDX-License-Identifier: BSD-2-Clause */
/* The prompt: a line, its words, the command that the first of them names. */
#include "command.h"
#include "console.h"
#include "faults.h"
#include "printf.h"
#include "string.h"

#define LINE_SIZE 128
#define WORDS 16
#define COMMANDS 32

enum { CONTROL_C = 3, BACKSPACE = 8, CONTROL_U = 21, DELETE = 127 };

/* By name. */
static const struct command *commands[COMMANDS];
static unsigned command_count;

extern const struct command *const __start_set_commands[], *const __stop_set_commands[];

void commands_add(const struct command *const *first, const struct command *const *end) {
    for (; first < end; first++) {
        if (command_count == COMMANDS) panic("too many commands");
        unsigned at = command_count++;
        for (; at > 0 && strcmp(commands[at - 1]->name, (*first)->name) > 0; at--) commands[at] = commands[at - 1];
        commands[at] = *first;
    }
}

static void read_line(char *line) {
    unsigned length = 0;
    for (;;) {
        char c = console_get();
        if (c == '\r' || c == '\n') break;
        if ((c == BACKSPACE || c == DELETE) && length > 0) {
            length--;
            printf("\b \b");
        } else if (c == CONTROL_U || c == CONTROL_C) {
            for (; length > 0; length--) printf("\b \b");
        } else if (c >= ' ' && c != DELETE && length < LINE_SIZE - 1) {
            line[length++] = c;
            console_put(c);
        }
    }
    printf("\n");
    line[length] = '\0';
}

/* Cuts at blanks, in place. */
static int split(char *line, char **words) {
    int count = 0;
    for (char *at = line; count < WORDS;) {
        while (*at == ' ') at++;
        if (*at == '\0') break;
        words[count++] = at;
        while (*at != ' ' && *at != '\0') at++;
        if (*at == ' ') *at++ = '\0';
    }
    return count;
}

static const struct command *find(const char *name) {
    for (unsigned i = 0; i < command_count; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

static void help(int argc, char **argv) {
    (void)argc, (void)argv;
    for (unsigned i = 0; i < command_count; i++)
        printf("  %-9s %-27s %s\n", commands[i]->name, commands[i]->arguments, commands[i]->summary);
}
COMMAND(help, "", "this list");

void prompt(void) {
    char line[LINE_SIZE];
    char *words[WORDS];
    commands_add(__start_set_commands, __stop_set_commands);
    printf("Type 'help' for what there is to see.\n");
    for (;;) {
        printf("teach> ");
        read_line(line);
        int count = split(line, words);
        if (count == 0) continue;
        const struct command *command = find(words[0]);
        if (command == NULL) printf("%s: there is no such command\n", words[0]);
        else command->run(count, words);
    }
}
