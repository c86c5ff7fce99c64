/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_CONSOLE_H
#define TEACH_CONSOLE_H

/* Finds the UART that the environment names and sets it up for output; input needs console_listen. */
void console_init(void);

/* Writes a character, a newline as CR LF. Waits as long as the line is busy. */
void console_put(char c);

/* Starts to take input, by interrupt. */
void console_listen(void);

/* The next character typed; sleeps until there is one. */
char console_get(void);

#endif
